import { createAdminServer } from '../../admin/admin-server.ts';
import { formatAddress } from '../../config/address.ts';
import { systemClock, untilAborted } from '../../runtime/clock.ts';
import { formatInstant } from '../../runtime/instant.ts';
import { createLogger, type Logger } from '../../runtime/logger.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { FOLLOWING, isToFollowAgain } from '../target/drain.ts';
import { stillForked } from '../arrivals/forked.ts';
import { Gate } from '../arrivals/gate.ts';
import type { Place } from '../place.ts';
import { Standby } from '../standby.ts';
import { StateDirectory } from '../target/state-directory.ts';
import { feedLimitsOf } from '../../follow/feed-limits.ts';
import { assertNotPast } from './assert-not-past.ts';
import { bootstrap, type BootstrapOptions, forgetBootstrap } from './bootstrap.ts';
import { type Followed, openFollowed } from './followed.ts';
import { addStandbyGauges, createStandbyMetrics } from './standby-metrics.ts';
import { standbyActions } from './standby-actions.ts';
import { PROMOTED, StandbyReport } from './standby-report.ts';
import type { StandbyRequest } from './standby-request.ts';
import { listenForStop } from '../../runtime/stop-signal.ts';
import { lookAtTarget } from './target-look.ts';
import { VERSION } from '../../runtime/version.ts';

/** Runs a standby until it is told to stop, or has come to where it is to stop. */
export async function runStandby(request: StandbyRequest): Promise<void> {
  const logger = createLogger(request.config.logLevel);
  const stop = listenForStop((signal) => logger.info({ signal }, 'stopping'));
  const topic = topicIn(request);
  const state = await StateDirectory.open(request.state, request.target, request.isMoved, topic);
  try {
    if (state.insteadOf !== undefined) {
      const { target, topic: topicBefore } = state.insteadOf;
      const places = { target: request.target.origin, topic, before: target, topicBefore };
      logger.info(places, 'begins anew: the target before never answered, and was sent nothing');
    }
    assertToBeFed(request, state);
    await follow(request, state, logger, stop.signal);
  } finally {
    await state.close();
  }
}

/** Throws STANDBY_FORKED, STANDBY_PAST_STOP: by what is known of the target it is to be sent nothing. */
function assertToBeFed(
  { isFollowingAgain, stopAtMs }: StandbyRequest,
  { state }: StateDirectory,
): void {
  const { forked, promotion } = state;
  if (forked !== null && promotion.kind !== 'promoted') throw stillForked(forked);
  const isToFollow = promotion.kind === 'none' || isToFollowAgain(state, isFollowingAgain);
  if (isToFollow) assertNotPast(state, stopAtMs);
}

async function follow(
  request: StandbyRequest,
  state: StateDirectory,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { config, target, delayMs, stopAtMs } = request;
  const { promotion } = state.state;
  const metrics = new Metrics();
  const counters = createStandbyMetrics(metrics);
  const followed = await openFollowed(request, logger, () => counters.bypasses.inc(), state);
  const { source, named } = followed;
  const isNew = state.state.place === undefined;
  const place =
    state.state.place ?? (await beginWith({ request, state, logger, signal }, followed));
  if (place === undefined) return;
  await forgetBootstrap(state);
  const isFollowingAgain = isToFollowAgain(state.state, request.isFollowingAgain);
  const isOver = promotion.kind === 'promoted' && !isFollowingAgain;
  // One that has stopped for good answers also when its source is gone.
  if (isOver) await source.close();
  // What can't be followed from there is said before anything begins.
  else await source.seek(place);
  await state.save({
    place,
    ...(!isOver && { topic: topicIn(request) ?? state.state.topic }),
    ...(isNew && { sentToMs: place.latestMs ?? 0 }),
    ...(isNew && request.begin.kind === 'oldest' && { beganOldestMs: systemClock.now() }),
    ...(isFollowingAgain && { promotion: FOLLOWING }),
    wasToldAgain: request.isFollowingAgain,
  });
  if (request.isFollowingAgain) logger.warn(isOver ? STILL_PROMOTED : LEAVE_OUT);
  const { isPaused } = state.state;
  const gate = new Gate({ delayMs, stopAtMs, isPaused });
  const parts = { request, logger, clock: systemClock, metrics: counters, gate };
  const report = new StandbyReport({ ...parts, source: named });
  const data = request.isData || named.kind === 'data' ? config.data : undefined;
  const standby = new Standby({
    target,
    source,
    state,
    place,
    gate,
    clock: systemClock,
    limits: feedLimitsOf(config.delivery),
    events: report.events,
    vet: () => lookAtTarget({ request, state, data, logger, nowMs: systemClock.now(), signal }),
  });
  addStandbyGauges(metrics, standby, () => gate.isPaused);
  const admin = createAdminServer({
    status: () => report.status(standby),
    health: () => report.health(standby),
    ready: () => report.ready(standby),
    metrics,
    actions: standbyActions({ standby, report, target, logger }),
  });
  try {
    await admin.start(config.admin);
    const places = { target: target.origin, source: named, admin: formatAddress(config.admin) };
    const { kind } = state.state.promotion;
    const told = kind === 'promoted' ? 'started' : 'following';
    logger.info({ ...places, isPaused, version: VERSION }, told);
    const end = await standby.run(signal);
    if (end === 'promoted') await servePromoted(signal, logger);
    const latest = latestOf(standby.place);
    if (end === 'reached') logger.info({ stopAt: formatInstant(stopAtMs), latest }, 'reached');
    logger.info({ latest }, 'stopped');
  } finally {
    await admin.close();
  }
}

const LEAVE_OUT = 'leave out --follow-again from now on: it is for one start';
const STILL_PROMOTED =
  'it does not follow again, since the last start had --follow-again, too, which may have meant an earlier promotion: start it without, then with it';

/** What it has stopped with can be asked for until it is told to stop. */
async function servePromoted(signal: AbortSignal, logger: Logger): Promise<void> {
  logger.warn(`${PROMOTED}; stop it once every proxy feeds that`);
  await untilAborted(signal);
}

function latestOf({ latestMs }: Place): string | null {
  return latestMs === null ? null : formatInstant(latestMs);
}

/** The one that is followed; undefined: none. */
function topicIn({ config: { kafka } }: StandbyRequest): string | undefined {
  return kafka.brokers.length === 0 ? undefined : kafka.topic.name;
}

/** What a target contains of which nothing is known yet; undefined when the signal aborted meanwhile. */
async function beginWith(
  around: Omit<BootstrapOptions, 'repository'>,
  followed: Followed,
): Promise<Place | undefined> {
  const { begin, repository } = around.request;
  if (begin.kind !== 'unsaid' || repository === undefined) return followed.begin();
  return bootstrap({ ...around, repository });
}
