import type { Health } from '../../admin/admin-server.ts';
import type { Hole } from '../../record/control.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { DrainState } from '../target/drain.ts';
import type { Gate } from '../arrivals/gate.ts';
import type { SeenLane } from '../source/seen-lanes.ts';
import type { Standby, StandbyEvents } from '../standby.ts';
import { KnownHoles } from '../../wal/known-holes.ts';
import { showDoubt } from '../../follow/prove/show-doubt.ts';
import type { StandbyMetrics } from './standby-metrics.ts';
import type { StandbyRequest } from './standby-request.ts';
import { UnsettledPoints } from '../../follow/rewrites/unsettled-points.ts';
import { VERSION } from '../../runtime/version.ts';

export interface StandbyReportOptions {
  readonly request: StandbyRequest;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: StandbyMetrics;
  readonly gate: Gate;
  /** What is followed, as people name it. */
  readonly source: { readonly kind: string; readonly place: string };
}

const BYPASS = Buffer.from('\n!bypass ');

/** Tells operators how a standby is: in the log, by metrics, and when asked. */
export class StandbyReport {
  readonly #options: StandbyReportOptions;
  readonly #holes: KnownHoles;
  readonly #unsettled: UnsettledPoints;
  /** Why what is contained could not be written down the last time. */
  #unsaved: string | undefined;

  constructor(options: StandbyReportOptions) {
    const { logger, clock, metrics } = options;
    this.#options = options;
    this.#holes = new KnownHoles({ logger, count: (records) => metrics.holes.inc(records) });
    const count = (points: number): void => metrics.unsettled.inc(points);
    this.#unsettled = new UnsettledPoints({ logger, clock, count });
  }

  get events(): StandbyEvents {
    const { logger, metrics, request } = this.#options;
    const target = request.target.origin;
    return {
      state: (state) => {
        if (state.kind === 'live') logger.info({ target }, 'the target is up to date');
        else logger.warn({ state: state.kind, reason: state.reason }, 'behind');
      },
      facts: (facts) => logger.info({ ...facts, target }, 'target reached'),
      resumed: (reason) => {
        metrics.resumes.inc();
        logger.warn({ reason }, 'delivering again from the last confirmed record');
      },
      doubted: (reason) =>
        logger.warn({ reason }, 'what the target took is in doubt, and is delivered again later'),
      mended: (points) => metrics.mended.inc(points),
      unsettled: (points) => this.#unsettled.note(points),
      answered: (points, durationMs) => {
        metrics.sent.inc(points);
        metrics.request.observe(durationMs / 1_000);
      },
      hole: (hole: Hole) =>
        this.#holes.note(hole, 'records are missing: the target does not get them'),
      again: (reason, missing) => {
        metrics.agains.inc();
        if (missing !== undefined) this.#holes.keep(missing);
        logger.warn({ reason }, 'applying again what came after');
      },
      trouble: (reason) => {
        if (reason === undefined) logger.info('the source can be read again');
        else logger.error({ reason }, 'the source cannot be read');
      },
      taken: ({ lane, firstSeq, lastSeq, body }) => {
        if (!body.includes(BYPASS)) return;
        metrics.bypasses.inc();
        logger.warn({ lane, firstSeq, lastSeq }, BYPASSED);
      },
      forked: ({ id, at }) => logger.warn({ fork: id, at: formatInstant(at) }, FORKED),
      deadLetters: (suspects) => {
        metrics.deadLetters.inc(suspects.length);
        const [first] = suspects;
        logger.error(
          { points: suspects.length, error: first?.error, line: first?.line },
          'the target refuses points for good that the primary took: see dead-letters/',
        );
      },
      unsaved: (reason) => {
        if (reason !== this.#unsaved) {
          logger.error({ reason }, 'what the target contains cannot be written down');
        }
        this.#unsaved = reason;
      },
    };
  }

  /** What /status shows; its shape is part of the interface (docs/JSON.md). */
  status(standby: Standby): unknown {
    const { request, gate, source } = this.#options;
    const { latestMs, sinceMs, lanes } = standby.place;
    const { records, seconds } = standby.lag;
    return {
      version: VERSION,
      source,
      target: {
        url: request.target.origin,
        state: standby.state,
        doubt: showDoubt(standby.doubt),
        ...standby.open,
      },
      paused: gate.isPaused,
      promotion: promotionOf(standby),
      forks: standby.forks.map(({ id }) => id),
      delaySeconds: gate.delayMs / 1_000,
      sentTo: formatInstant(standby.sentToMs),
      stopAt: gate.stopAtMs === Infinity ? null : formatInstant(gate.stopAtMs),
      lagSeconds: seconds,
      lagRecords: records,
      contains: {
        latest: latestMs === null ? null : formatInstant(latestMs),
        allUpTo: sinceMs === null ? null : formatInstant(sinceMs),
        lanes: [...lanes].map(([lane, { ordinal, seq, receivedAt }]) => {
          const ended = isOver(standby.seen.lanes.get(lane));
          return { lane, ordinal, seq, receivedAt: formatInstant(receivedAt), ended };
        }),
      },
      seen: describeSeen(standby),
      deadLetters: standby.deadLetters,
      holes: this.#holes.list,
    };
  }

  /** What /ready answers. */
  ready(standby: Standby): boolean {
    return hasCaughtUp(standby, this.#options.gate);
  }

  health(standby: Standby): Health {
    const { state, doubt, trouble } = standby;
    const { promotion } = standby;
    if (promotion.kind === 'promoted') return { ok: true, reasons: [], degraded: [PROMOTED] };
    const reasons = [
      ...(state.kind === 'down' ? [`the target is down: ${state.reason}`] : []),
      ...(trouble === undefined ? [] : [`the source cannot be read: ${trouble}`]),
    ];
    const { gate } = this.#options;
    const holes = this.#holes.list.map(
      ({ lane, from, to, reason }) => `records ${lane}/${from} to ${to} are lost: ${reason}`,
    );
    return {
      ok: reasons.length === 0,
      reasons,
      degraded: [
        ...(promotion.kind === 'draining' ? [DRAINING] : []),
        ...(gate.isPaused ? ['it is paused'] : []),
        ...(state.kind === 'behind' ? [`the target is behind: ${state.reason}`] : []),
        ...(doubt === undefined ? [] : [`what the target took is in doubt: ${doubt.reason}`]),
        ...holes,
      ],
    };
  }
}

/** As far behind, a delay aside, as may be made up for while proxies are held. */
const LAG_SECONDS_MAX = 60;

/** Whether the target has what it is to have by now, but for the last moments. */
export function hasCaughtUp(
  { state, trouble, promotion, lag }: Pick<Standby, 'state' | 'trouble' | 'promotion' | 'lag'>,
  { isPaused, delayMs }: Pick<Gate, 'isPaused' | 'delayMs'>,
): boolean {
  if (promotion.kind === 'promoted' || isPaused || trouble !== undefined) return false;
  return state.kind === 'live' && lag.seconds - delayMs / 1_000 <= LAG_SECONDS_MAX;
}

const DRAINING = 'it comes to contain all that the primary was sent, to take its place';
export const BYPASSED = 'a change went round the log: the target does not get it';
const FORKED =
  'the log went on from this moment: the target gets nothing of what was undone. One that was the primary until then has it, and keeps it: that needs empty tables first (docs/PROMOTE.md, Failing back)';
export const PROMOTED = 'its target was made the primary: it follows no more';

/** A lane that has sent nothing for longer is told only where the target may lack something of it. */
const SEEN_MS = 600_000;

/** Of the lanes those that say something now, or since what the target may have. */
export function describeSeen({ seen, sentToMs }: Pick<Standby, 'seen' | 'sentToMs'>): object {
  const all = [...seen.lanes];
  const latestMs = Math.max(...all.map(([, { receivedAt }]) => receivedAt));
  const told = all.filter(
    ([, { receivedAt }]) => receivedAt > Math.min(sentToMs, latestMs - SEEN_MS),
  );
  return {
    complete: seen.isComplete,
    lanes: told.map(([lane, one]) => {
      const { receivedAt, wroteAt } = one;
      return {
        lane,
        receivedAt: formatInstant(receivedAt),
        wroteAt: wroteAt === undefined ? null : formatInstant(wroteAt),
        ended: isOver(one),
      };
    }),
  };
}

/** Whether it is known to have ended. */
function isOver(lane: SeenLane | undefined): boolean {
  return lane?.endedAt !== undefined && lane.receivedAt <= lane.endedAt;
}

function promotionOf(standby: Standby): object {
  const { promotion } = standby;
  const since = promotion.kind === 'promoted' ? formatInstant(promotion.sinceMs) : null;
  const { fork = null, to = null } = promotion.kind === 'none' ? {} : promotion;
  return { state: promotion.kind, since, fork, to };
}

/** How far a drain has come, as `POST /drain` answers (docs/STANDBY.md). */
export function describeDrain({ promotion, contained, lacking, isSent }: DrainState): object {
  const { sinceMs, latestMs, lanes } = contained;
  const list = [...lanes].map(([lane, { seq, receivedAt }]) => ({ lane, seq, receivedAt }));
  return {
    state: promotion.kind,
    since: promotion.kind === 'promoted' ? promotion.sinceMs : null,
    fork: (promotion.kind === 'none' ? undefined : promotion.fork) ?? null,
    contained: { sinceMs, latestMs, lanes: list },
    lacking: lacking.map((end) => {
      return { lane: end.lane, seq: end.seq, contained: lanes.get(end.lane)?.seq ?? 0 };
    }),
    sent: isSent,
  };
}
