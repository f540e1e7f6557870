import { join } from 'node:path';
import { computeCoverage, formatRecords } from '../../archive/holdings/coverage.ts';
import { sayOtherTopic } from '../../archive/topic/other-topics.ts';
import { readTails } from '../../archive/tail/read-tails.ts';
import { openRepository } from '../../archive/repository.ts';
import type { LaneEnding } from '../../archive/write/retire-lane.ts';
import { openSources } from '../../archive/tail/sources.ts';
import { readSummary, type Summary } from '../../archive/holdings/summary.ts';
import type { TopicLog } from '../../archive/topic/topic-log.ts';
import type { LoggedFork } from '../../record/fork.ts';
import { WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { describeRepository, type Info, type InfoLane } from './info-contract.ts';
import { formatForks } from './info-fork.ts';
import type { InfoHole, InfoWith } from './info-hole.ts';
import { describeLog, type InfoLog } from './info-log.ts';
import { closedLanes, segmentEnding } from './lane-close.ts';
import { describeTopic, type InfoTopic } from './info-topic.ts';
import { type Print, printToStdout } from '../print.ts';

export interface InfoOptions {
  /** Undefined: the one that `data` archives to. */
  readonly repository?: string;
  readonly data?: string;
  readonly topic?: TopicLog | undefined;
  readonly json?: boolean;
  /** False for --no-index. */
  readonly index: boolean;
}

/** Prints what a repository holds, and which moments it can restore. Reads only. */
export async function showInfo(
  options: InfoOptions,
  print: Print = printToStdout,
): Promise<ExitCode> {
  const repository = await openRepository(await placeOf(options));
  const { summary, ...beside } = await summarize(repository.store, options);
  const stopped = await stoppedIn(repository.store, summary);
  const described = describeRepository(repository, summary, Date.now(), { ...beside, stopped });
  await print(options.json === true ? `${JSON.stringify(described)}\n` : formatInfo(described));
  return EXIT_OF[described.state];
}

/** The listing doesn't tell: of lanes that are not ended the last segment is looked into. */
async function stoppedIn(store: ObjectStore, summary: Summary): Promise<ReadonlySet<string>> {
  const endings = new Map<string, LaneEnding>();
  for (const { lane, coveredToMs: toMs, covered } of computeCoverage(summary).lanes) {
    const lastSeq = covered.at(-1)?.lastSeq;
    if (toMs === 'ended' || lastSeq === undefined) continue;
    const segment = await segmentEnding(store, { lane, lastSeq, toMs });
    endings.set(lane, { lastSeq, toMs, segment });
  }
  return closedLanes(store, endings);
}

/** Throws CONFIG_INVALID when neither is named. */
async function placeOf({ repository, data }: InfoOptions): Promise<string> {
  if (repository !== undefined) return repository;
  if (data === undefined) {
    throw new WalError('CONFIG_INVALID', '--repository is missing', {
      hint: 'Name what `start` archives to, or its --data directory.',
    });
  }
  return (await openSources({ data })).repository?.place ?? join(data, 'repository');
}

interface Found {
  readonly summary: Summary;
  readonly log: InfoLog | null;
  readonly topic: InfoTopic | null;
  readonly said: readonly LoggedFork[];
}

async function summarize(
  store: ObjectStore,
  { data, topic: named, index }: InfoOptions,
): Promise<Found> {
  const {
    archived: summary,
    tail,
    topic,
  } = await readTails(
    { data, topic: named },
    {
      list: () => readSummary(store, { useIndex: index }),
      // What the log has, too, is told of the topic all the same.
      knownOf: (archived) => archived,
    },
  );
  const now = Date.now();
  return {
    summary,
    log: tail === undefined || data === undefined ? null : describeLog(data, tail, summary, now),
    topic: topic ? describeTopic(topic, { archived: summary, tail }, now) : null,
    said: [...(tail?.lanes ?? []), ...(topic?.lanes ?? [])].flatMap(({ forks }) => forks),
  };
}

const USUAL_LAG_SECONDS = 900;

const EXIT_OF = { whole: EXIT.ok, hole: EXIT.hole, damaged: EXIT.spoilt } as const;

/** A proxy whose clock is ahead of this one receives later than now. */
function formatLag(seconds: number): string {
  return seconds < -1
    ? `${formatSeconds(-seconds)} ahead of this clock`
    : `${formatSeconds(Math.max(0, seconds))} ago`;
}

function formatInfo(info: Info): string {
  const { repository, restorable, safeTime, lagSeconds, totals, lanes, holes, faults } = info;
  const { points, records, bytes, segments } = totals;
  const lag = lagSeconds === null ? '' : `, ${formatLag(lagSeconds)}`;
  return [
    `repository ${repository.place}: id ${repository.id}, made ${repository.createdAt}`,
    `restorable: ${restorable.map(({ from, to }) => `${from} to ${to}`).join(', ') || 'nothing'}`,
    `safe time: ${safeTime ?? 'none'}${lag}`,
    ...formatSafeTarget(info),
    ...formatHeldBack(info),
    `holds: points ${points}, records ${records}, bytes ${bytes}, segments ${segments}, lanes ${totals.lanes}`,
    ...(info.indexedMonths === 0
      ? []
      : [
          `  closed months told by their indexes: ${info.indexedMonths} (--no-index lists what is there now)`,
        ]),
    ...formatLog(info),
    ...formatTopic(info),
    ...lanes.flatMap(formatLane),
    ...formatForks(info.forks),
    `holes: ${holes.length === 0 ? 'none' : ''}`,
    ...holes.map(formatHole),
    `faults: ${faults.length === 0 ? 'none seen; `tsdb-wal verify` looks into every object' : ''}`,
    ...faults.map(({ kind, object, reason }) => `  ${kind} ${object}: ${reason}`),
    '',
  ].join('\n');
}

/** Where a hole makes `safe` of a restore another moment than the safe time; that goes by names, and is refused for what is damaged. */
function formatSafeTarget({ safeTime, safeTarget, state, holes }: Info): string[] {
  if (safeTime === null || safeTarget === safeTime) return [];
  if (safeTarget === null && holes.length === 0) {
    return ['  nothing is archived yet: an archiver brings the first within a minute or so'];
  }
  const means = safeTarget === null ? 'nothing' : `the state of ${safeTarget}`;
  const to = state === 'damaged' && safeTarget !== null ? safeTarget : 'safe';
  return [
    `  up to then all is there or stated below to be missing; \`restore --to ${to}\` brings back ${means}, before the first hole, and with --allow-holes what there is up to the safe time`,
  ];
}

/** By which lane, when that is for longer than an archiver takes while nothing comes in. */
function formatHeldBack({ lagSeconds, lanes }: Info): string[] {
  const [first] = lanes
    .flatMap(({ lane, host, completeBefore }) =>
      completeBefore === null ? [] : [{ lane, host, completeBefore }],
    )
    .toSorted((a, b) => Date.parse(a.completeBefore) - Date.parse(b.completeBefore));
  if (first === undefined || lagSeconds === null || lagSeconds < USUAL_LAG_SECONDS) return [];
  const of = first.host === null ? '' : ` of ${first.host}`;
  return [
    `  as far as lane ${first.lane}${of} is archived: do its proxy and an archiver run? \`tsdb-wal lane retire\` ends a lane whose proxy is gone for good`,
  ];
}

function formatLog({ log }: Info): string[] {
  if (log === null) return [];
  const { data, inUse, to, records, points } = log;
  const behind = log.lanes.filter((lane) => lane.records > 0);
  return [
    `log of ${data}${inUse ? ', in use' : ''}: up to ${to ?? 'nothing'}, not archived yet: points ${points}, records ${records}`,
    ...behind.map(
      (lane) =>
        `  of lane ${lane.lane}: points ${lane.points}, records ${lane.records}, ${formatSeconds(lane.lagSeconds)}${lane.registered ? '' : ', and the repository does not know the lane'}`,
    ),
    ...formatWith(log),
  ];
}

function formatTopic({ topic }: Info): string[] {
  if (topic === null) return [];
  const { name, brokers, insteadOf, to, points, records } = topic;
  const doubt = sayOtherTopic(name, insteadOf);
  return [
    `topic ${name} of ${brokers.join(',')}: up to ${to ?? 'nothing'}, not archived yet: points ${points}, records ${records}`,
    ...(doubt === undefined ? [] : [`  warning: ${doubt}`]),
    ...topic.lanes.map((lane) => {
      const registered = lane.registered ? '' : ', and the repository does not know the lane';
      const end = formatEnd(lane);
      return `  of lane ${lane.lane} of ${lane.host}: points ${lane.points}, records ${lane.records}, ${formatSeconds(lane.lagSeconds)}; ${end}${registered}`;
    }),
    ...formatWith(topic),
  ];
}

function formatWith({ restorable, safeTime, holes }: InfoWith): string[] {
  return [
    `  restorable with it: ${restorable.map(({ from, to: end }) => `${from} to ${end}`).join(', ') || 'nothing'}`,
    `  safe time with it: ${safeTime ?? 'none'}`,
    `  holes with it: ${holes.length === 0 ? 'none' : ''}`,
    ...holes.map((hole) => `  ${formatHole(hole)}`),
  ];
}

function formatLane(lane: InfoLane): string[] {
  const { previous, covered, disputed } = lane;
  const after = previous === null ? 'the first' : `after ${previous.lane}/${previous.lastSeq}`;
  const opened =
    lane.reason === null
      ? 'its begin is gone'
      : `opened ${lane.openedAt} by ${lane.reason} on ${lane.host}, ${after}`;
  const sequences = covered.map(({ firstSeq, lastSeq }) => `${firstSeq} to ${lastSeq}`);
  return [
    `lane ${lane.lane} (number ${lane.ordinal}): ${opened}`,
    `  sequence ${sequences.join(', ') || 'none yet'}: points ${lane.points}, records ${lane.records}, bytes ${lane.bytes}, segments ${lane.segments}`,
    `  ${formatEnd(lane)}`,
    ...(disputed === null
      ? []
      : [`  receive times in doubt: ${disputed.from} to ${disputed.to}, since the clock leapt`]),
  ];
}

function formatEnd({
  completeBefore,
  stopped,
}: {
  readonly completeBefore: string | null;
  readonly stopped: boolean;
}): string {
  if (completeBefore === null) return 'ended';
  return stopped
    ? `stopped in order at ${completeBefore}, and nothing is missing after that; the next start of its proxy ends it, or \`tsdb-wal lane retire\``
    : `complete before ${completeBefore}`;
}

function formatHole(hole: InfoHole): string {
  const { from, to, reason } = hole;
  return `  ${formatRecords(hole)}, received from ${from}${to === null ? '' : ` to ${to}`}: ${reason}`;
}

function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  return whole < 7_200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3_600)} h`;
}
