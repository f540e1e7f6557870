import { isForgotten } from '../record/lane-end.ts';
import { formatInstant } from '../runtime/instant.ts';
import { type AsOf, asOfProblems, asOfWarnings, RUNNING_MS } from './as-of.ts';
import {
  addressProblems,
  addressWarnings,
  isBegun,
  laterTerms,
  type Reached,
  splitWarnings,
} from './new-primary.ts';
import { isLookedAt, type ProxyView, type StandbyView } from './promote-views.ts';

export interface Checked {
  /** Why the promotion can't be made as things stand. */
  readonly problems: readonly string[];
  /** What to know before it is made. */
  readonly warnings: readonly string[];
}

/** A standby that is further behind, its delay aside, would hold the proxies for too long. */
const LAG_SECONDS_MAX = 60;

export interface CheckOptions {
  /** The standby's target, as the proxies name it. */
  readonly to: string;
  readonly asOf: AsOf | undefined;
  readonly reached: Reached;
  /** Epoch ms. */
  readonly nowMs: number;
}

/** Whether these proxies can be given the standby's target as their primary. */
export function checkPromotion(
  standby: StandbyView,
  proxies: readonly ProxyView[],
  { to, asOf, reached, nowMs }: CheckOptions,
): Checked {
  const problems = [
    ...standbyProblems(standby, asOf),
    ...asOfProblems(asOf, standby, proxies, nowMs),
    ...forkProblems(standby, proxies, to),
    ...addressProblems(standby, proxies, to),
    ...laterProblems(standby, proxies),
    ...proxyProblems(standby, proxies, asOf),
  ];
  const warnings = [
    ...(asOf === undefined ? delayWarnings(standby) : asOfWarnings(asOf, standby, nowMs)),
    ...addressWarnings(standby, to, reached),
    ...splitWarnings(standby, proxies, to),
    ...standbyWarnings(standby),
    ...proxyWarnings(standby, proxies),
    ...partlyWarnings(standby, proxies, to),
  ];
  return { problems, warnings };
}

/** What others were given after the promotion of this standby ended that. */
function laterProblems(standby: StandbyView, proxies: readonly ProxyView[]): string[] {
  const { promotedMs = Infinity } = standby;
  // Also of the same name: of what it is since then this standby knows nothing.
  const later = proxies.flatMap((proxy) => laterTerms(standby, proxy));
  return [...new Set(later.map(({ primary }) => primary))].map(
    (primary) =>
      `proxies feed ${primary} since a promotion that is later than that of this standby, ${formatInstant(promotedMs)}: promote by the standby of that, or claim (docs/PROMOTE.md, A proxy that was away)`,
  );
}

/**
 * A fork that one of these was switched with is gone on with. Where none was, a new one takes its place, which must undo as much: a
 * proxy that isn't named may have been switched with the one that is known.
 */
function forkProblems(standby: StandbyView, proxies: readonly ProxyView[], to: string): string[] {
  const { promotion, fork } = standby;
  if (promotion === 'none' || fork === undefined) return [];
  if (proxies.some((proxy) => isBegun(standby, proxy, to))) return [];
  const named = new Set(proxies.flatMap(({ lanes }) => lanes.map(({ lane }) => lane)));
  const missing = new Set(fork.undone.map(({ lane }) => lane).filter((lane) => !named.has(lane)));
  return [...missing].map(
    (lane) =>
      `the standby was drained with proxies that are not named: lane ${lane}, of which records are undone, belongs to none of these. Name them all`,
  );
}

/** A repository lacks the newest records for a minute or two, and for good those that say no more than that a proxy runs. */
const OF_REPOSITORY =
  'the standby follows a repository, which never shows all that a proxy held: stop it, start it with the same --state and --target from the topic of the proxies (--kafka, --topic) or from the log of the one proxy (--data), and let it catch up';

const NOT_LOOKED =
  'the standby has not looked at all that it follows yet, so it is not known who has written: try again in some seconds, and see its /health';

const TELLS_NOT = 'the standby is of an earlier version, which does not tell who has written';

const DOUBTED =
  'It is given that once more when the trouble is over, and proxies would be held until then, however long: wait until target.doubt of its /status is null (docs/OPERATIONS.md, OpenTSDB counts storage errors)';

function inDoubt({ target, doubt }: StandbyView): string {
  return `the target of the standby, ${target}, may have lost of what it took: ${doubt}`;
}

function standbyProblems(standby: StandbyView, asOf: AsOf | undefined): string[] {
  if (standby.promotion === 'promoted') return [];
  const { target, source, state, doubt, promotion, stopAt, seen, lagSeconds, delaySeconds } =
    standby;
  const problems: string[] = [];
  if (source === 'repository') problems.push(OF_REPOSITORY);
  if (!isLookedAt(standby, asOf)) {
    const isOlder = seen.isComplete === undefined;
    problems.push(isOlder ? `${TELLS_NOT}: with --as-of it must` : NOT_LOOKED);
  }
  if (state === 'down') problems.push(`the target of the standby, ${target}, is down`);
  if (promotion === 'none' && doubt !== undefined) problems.push(`${inDoubt(standby)}. ${DOUBTED}`);
  if (stopAt !== null) problems.push(`the standby is to stop at ${stopAt}: start it without`);
  const behind = lagSeconds - delaySeconds;
  if (asOf === undefined && behind > LAG_SECONDS_MAX) {
    problems.push(
      `the standby is ${Math.round(behind)} s behind: wait until that is less than ${LAG_SECONDS_MAX} s`,
    );
  }
  return problems;
}

function proxyProblems(
  standby: StandbyView,
  proxies: readonly ProxyView[],
  asOf: AsOf | undefined,
): string[] {
  const problems: string[] = [];
  const seen = new Map<string, string>();
  for (const { address, lanes } of proxies) {
    const last = lanes.at(-1)?.lane ?? address;
    const same = seen.get(last);
    if (same !== undefined) problems.push(`${address} and ${same} are one proxy`);
    seen.set(last, address);
  }
  if (standby.promotion === 'promoted') return problems;
  // One with a delay may have applied nothing of a lane that it follows.
  const known = new Set([...standby.lanes.keys(), ...standby.seen.lanes.map(({ lane }) => lane)]);
  for (const proxy of proxies) {
    const last = proxy.lanes.at(-1);
    if (last === undefined || known.has(last.lane)) continue;
    // Its last lane may have begun since: whether it was contained is proven by what it had received by then.
    if (asOf !== undefined && isOfSameLog(standby, proxy)) continue;
    problems.push(
      `the standby has met nothing of lane ${last.lane}, which proxy ${proxy.address} writes: it follows another log, or the lane has only just begun`,
    );
  }
  for (const { address, lanes } of proxies)
    problems.push(...passedLanes(standby, { address, lanes, known, asOf }));
  for (const lane of runningLanes(standby)) {
    if (proxies.some(({ own }) => own.has(lane))) continue;
    problems.push(
      `lane ${lane}, which the standby follows, belongs to none of these proxies: name them all`,
    );
  }
  return problems;
}

interface Passing extends Pick<ProxyView, 'address' | 'lanes'> {
  /** Lanes that the standby has met. */
  readonly known: ReadonlySet<string>;
  readonly asOf: AsOf | undefined;
}

/**
 * Of lanes that have ended nothing may come any more: where the begin of the standby lies between their end and that of the next one, only
 * its proxy knows whether what it received then came before.
 */
function passedLanes(
  { lanes: contained, allUpToMs }: StandbyView,
  { address, lanes, known, asOf }: Passing,
): string[] {
  if (allUpToMs === null || (asOf !== undefined && asOf.ms <= allUpToMs)) return [];
  const latestMs = Math.max(allUpToMs, ...contained.values());
  // Of several workers those of one come after another's.
  const ended = lanes.filter(({ ordinal }, index) => (lanes[index + 1]?.ordinal ?? 0) > ordinal);
  const passed = ended.filter(({ lane, receivedBy }) => {
    return !known.has(lane) && receivedBy > allUpToMs && !isForgotten(receivedBy, latestMs);
  });
  return passed.map(
    ({ lane, receivedBy }) =>
      `the standby, which reads what was received since ${formatInstant(allUpToMs)}, has met nothing of lane ${lane}, after which proxy ${address} was started at ${formatInstant(receivedBy)}: begin with another --state, and a --begin before the proxy was away`,
  );
}

/** Of which the target contains something of the last moments, or that were seen to say something then; none that has ended. */
function runningLanes({ lanes, seen }: StandbyView): ReadonlySet<string> {
  const containedMs = Math.max(...lanes.values());
  const seenMs = Math.max(...seen.lanes.map(({ receivedMs }) => receivedMs));
  const ended = new Set(seen.lanes.filter(({ isEnded }) => isEnded).map(({ lane }) => lane));
  const contained = [...lanes].filter(([, ms]) => ms >= containedMs - RUNNING_MS);
  const running = seen.lanes.filter(({ receivedMs }) => receivedMs >= seenMs - RUNNING_MS);
  const all = [...contained.map(([lane]) => lane), ...running.map(({ lane }) => lane)];
  return new Set(all.filter((lane) => !ended.has(lane)));
}

function isOfSameLog({ lanes, allUpToMs }: StandbyView, proxy: ProxyView): boolean {
  return allUpToMs !== null || proxy.lanes.some(({ lane }) => lanes.has(lane));
}

function delayWarnings({ delaySeconds, lagRecords }: StandbyView): string[] {
  return delaySeconds > 0
    ? [
        `the standby has a delay: it applies ${lagRecords} records while the proxies are held; with --as-of only those received by then`,
      ]
    : [];
}

function standbyWarnings(standby: StandbyView): string[] {
  const { deadLetters, holes, seen, promotion, doubt } = standby;
  return [
    ...(promotion === 'draining' && doubt !== undefined
      ? [`${inDoubt(standby)}. The drain ends when it has been given that once more`]
      : []),
    ...(seen.isComplete === undefined
      ? [`${TELLS_NOT}: one that is not named goes unnoticed`]
      : []),
    ...(deadLetters > 0
      ? [`the target has refused ${deadLetters} points: see dead-letters/ of the standby`]
      : []),
    ...(holes > 0 ? ['the target lacks records that the log has lost: see its /status'] : []),
  ];
}

function partlyWarnings(standby: StandbyView, proxies: readonly ProxyView[], to: string): string[] {
  const partly = proxies.filter(
    (proxy) => isBegun(standby, proxy, to) && proxy.primaries.length > 1,
  );
  return partly.map(
    ({ address }) => `some workers of ${address} feed ${to} already: there is no way back`,
  );
}

function proxyWarnings(standby: StandbyView, proxies: readonly ProxyView[]): string[] {
  const warnings: string[] = [];
  for (const { address, version, refusal, isHeld, hasTopic } of proxies) {
    if (hasTopic && standby.source === 'data') {
      warnings.push(
        `the standby follows the log of one proxy, and proxy ${address} may share its topic with others: these go on feeding the old primary`,
      );
    }
    if (version !== standby.version) {
      warnings.push(`proxy ${address} has version ${version}, the standby ${standby.version}`);
    }
    if (refusal !== undefined) warnings.push(`proxy ${address} takes no writes: ${refusal}`);
    if (isHeld) warnings.push(`proxy ${address} is held already`);
  }
  return warnings;
}
