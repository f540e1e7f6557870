import { type Catalog, isDamage, type ObjectFault } from '../../archive/holdings/catalog.ts';
import {
  computeCoverage,
  type Coverage,
  type CoverageHole,
  formatRecords,
} from '../../archive/holdings/coverage.ts';
import { otherTopics, sayOtherTopic } from '../../archive/topic/other-topics.ts';
import type { LocalSegments } from '../../archive/search/searched-segments.ts';
import {
  findHistory,
  type FoundHistory,
  openSources,
  type Sources,
} from '../../archive/tail/sources.ts';
import { reachOf, type Reach } from '../../archive/holdings/reach.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { RestoreRequest } from '../restore-request.ts';

/** A time that can be restored, and what it can be restored from. */
export interface FoundState extends FoundHistory {
  readonly sources: Sources;
  /** Segments made of what only the log or the topic has; none before that was read. */
  readonly local: LocalSegments;
  /** The moment whose state is restored; epoch ms. */
  readonly asOfMs: number;
  /** When it was looked for, by this machine's clock; epoch ms. */
  readonly nowMs: number;
}

const HOLES_SHOWN = 3;

/** Lists what there is. Throws TIME_UNREACHABLE or HOLE_IN_THE_WAY, each with the nearest times that can be had. */
export async function findState(
  request: Pick<RestoreRequest, 'repository' | 'data' | 'topic' | 'to' | 'allowHoles'>,
  now: number,
  signal?: AbortSignal,
): Promise<FoundState> {
  const sources = await openSources(request);
  const history = await findHistory(sources, { now, signal });
  const { allowHoles, to } = request;
  const asOfMs = to.kind === 'at' ? to.ms : (safeTimeOf(history.catalog, allowHoles) ?? Number.NaN);
  const found = { sources, ...history, local: new Map(), asOfMs, nowMs: now };
  checkState(found, allowHoles);
  return found;
}

/** Throws TIME_UNREACHABLE or HOLE_IN_THE_WAY. */
export function checkState(found: FoundState, allowHoles: boolean): void {
  const { catalog, archived, topic, asOfMs, nowMs, sources } = found;
  const coverage = computeCoverage(catalog);
  const check = reachOf(coverage, asOfMs, { allowHoles });
  if (check.kind === 'reachable') return;
  const faults = catalog.faults.filter(isDamage);
  const heldBackBy = lanesBefore(found, coverage);
  const doubt = topic && sayOtherTopic(topic.topic.topic, otherTopics(archived, topic));
  throw refusal(check, asOfMs, { faults, sources, heldBackBy, nowMs, doubt });
}

/** NaN when there is none, not even one with a hole in the way. */
function safeTimeOf(catalog: Catalog, allowHoles: boolean): number {
  const { safeTimeMs = Number.NaN, restorable } = computeCoverage(catalog);
  const safeMs = allowHoles ? safeTimeMs : (restorable.at(-1)?.toMs ?? safeTimeMs);
  // After the last record that there is, a later time would be the same state by another name.
  let lastMs = -Infinity;
  for (const { objects } of catalog.lanes.values()) {
    for (const { toMs } of objects) lastMs = Math.max(lastMs, toMs);
  }
  return lastMs < safeMs ? lastMs : safeMs;
}

interface HeldBack {
  readonly lane: string;
  readonly host: string | null;
  readonly completeBefore: number;
}

/** Lanes that are not complete as of that moment, the one that ends first in front. */
function lanesBefore({ catalog, asOfMs }: FoundState, { lanes }: Coverage): HeldBack[] {
  return lanes
    .flatMap(({ lane, coveredToMs }) => {
      if (coveredToMs === 'ended' || coveredToMs > asOfMs) return [];
      const host = catalog.lanes.get(lane)?.begin?.host ?? null;
      return [{ lane, host, completeBefore: coveredToMs }];
    })
    .toSorted((a, b) => a.completeBefore - b.completeBefore);
}

function refusal(
  check: Exclude<Reach, { kind: 'reachable' }>,
  asOfMs: number,
  {
    faults,
    sources: { data, topic },
    heldBackBy,
    nowMs,
    doubt,
  }: {
    readonly faults: readonly ObjectFault[];
    readonly sources: Sources;
    readonly heldBackBy: readonly HeldBack[];
    readonly nowMs: number;
    readonly doubt: string | undefined;
  },
): WalError {
  const maybe = `${suspicion(faults)}${doubt === undefined ? '' : ` And ${doubt}.`}`;
  const at = Number.isNaN(asOfMs) ? 'any time' : formatInstant(asOfMs);
  const { nearestBefore } = check;
  const isAlone = data === undefined && topic === undefined;
  if (check.kind === 'hole') {
    const { holes } = check;
    const shown = holes.slice(0, HOLES_SHOWN).map(showHole).join('; ');
    const more = holes.length > HOLES_SHOWN ? `; and ${holes.length - HOLES_SHOWN} more` : '';
    return new WalError('HOLE_IN_THE_WAY', `the state at ${at} lacks records: ${shown}${more}`, {
      context: { holes, nearestBefore, damaged: faults },
      hint: `${sayBefore(nearestBefore)} --allow-holes restores without these records.${isAlone ? ' --data takes them from the log of a proxy, --kafka from the topic, where these still have them.' : ''}${maybe}`,
    });
  }
  const { nearestAfter } = check;
  // Nothing holds it back then, and no remedy brings it.
  const isFuture = asOfMs > nowMs;
  const why = isFuture ? `it is in the future: now is ${formatInstant(nowMs)}` : check.why;
  const times = [nearestBefore, nearestAfter].flatMap((ms) =>
    ms === undefined ? [] : [`${formatInstant(ms)} (--to ${ms})`],
  );
  const nearest = times.length === 0 ? '' : `The nearest that can be had: ${times.join(', ')}. `;
  const more = isAlone
    ? '; --data DIR adds the log that is not archived yet, --kafka the topic'
    : '';
  return new WalError('TIME_UNREACHABLE', `the state at ${at} cannot be had: ${why}`, {
    context: { nearestBefore, nearestAfter, damaged: faults, heldBackBy },
    hint: `${nearest}${isFuture ? '' : sayHeldBack(heldBackBy)}\`tsdb-wal info\` shows what the repository holds${more}.${maybe}`,
  });
}

function sayBefore(nearestBefore: number | undefined): string {
  return nearestBefore === undefined
    ? 'No moment without a hole can be had.'
    : `The nearest time without a hole is ${formatInstant(nearestBefore)} (--to ${nearestBefore}).`;
}

function sayHeldBack([first, ...others]: readonly HeldBack[]): string {
  if (first === undefined) return '';
  const { lane, host, completeBefore } = first;
  const of = host === null ? '' : ` of ${host}`;
  const more = others.length > 0 ? `, and ${others.length} more lanes later` : '';
  return `Lane ${lane}${of} is known up to ${formatInstant(completeBefore)}${more}: a start of its proxy goes on with it, and \`tsdb-wal lane retire\` ends it when that is gone for good. `;
}

/** What is wrong with the listing can be why less is known than there is. */
function suspicion(faults: readonly ObjectFault[]): string {
  const [first] = faults;
  if (first === undefined) return '';
  const more = faults.length > 1 ? `, and ${faults.length - 1} more like it` : '';
  return ` That may be for this: ${first.object}: ${first.reason}${more}. \`tsdb-wal verify\` names all that is damaged.`;
}

function showHole(hole: CoverageHole): string {
  const { fromMs, reason } = hole;
  return `${formatRecords(hole)}, received from ${formatInstant(fromMs)} on (${reason})`;
}
