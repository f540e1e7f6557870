import type { ObjectStore } from '../../storage/object-store.ts';
import type { ContentReader } from '../search/content-reader.ts';
import { computeCoverage, type LaneHoldings } from '../holdings/coverage.ts';
import { type Finding, misleading, unusableSegment } from './finding.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import { lostOf } from '../holdings/lost-records.ts';
import { isTiled, type Nest, nestSegments } from '../holdings/nest.ts';
import { formatSidecarName, type SegmentName } from '../format/object-names.ts';
import { checkSegment, type SegmentCheck } from './segment-check.ts';
import { type Content, type ContentQuestion, NO_ROWS } from '../format/segment-content.ts';
import { contentFaults, isSameContent, mergedFaults, sidecarFaults } from './segment-faults.ts';
import type { Begin } from '../format/sidecar.ts';

export interface DayCheckOptions {
  readonly store: ObjectStore;
  /** Undefined when only the sizes of data objects are looked at. */
  readonly contents: Pick<ContentReader, 'read'> | undefined;
  /** Segments whose last record was received by then are not looked into. */
  readonly sinceMs: number;
  readonly signal: AbortSignal;
  readonly onChecked: (bytes: number) => void;
}

/** What is known of the lane; `objects` are those of other days that a restore can take. */
type KnownLane = Pick<LaneHoldings, 'begin' | 'objects'>;

/** A segment of the day, and what was found of it. */
export interface CheckedSegment {
  readonly nest: Nest;
  /** `old`: not looked into. */
  readonly check: SegmentCheck | { readonly kind: 'old' } | UnreadableContent;
  readonly content: Content | undefined;
}

/** Every byte of it is what was written, but no table of rows. */
interface UnreadableContent {
  readonly kind: 'wrong';
  readonly object: string;
  readonly reason: string;
  readonly sidecar: undefined;
}

/** Small segments that are read by one statement. */
const BATCH_SEGMENTS = 64;

/**
 * Looks into the segments of one day of a lane, and compares those that were merged with what they stand for. In the order
 * of records; what lies in another one comes after it.
 */
export async function checkDay(
  segments: readonly SegmentName[],
  known: KnownLane,
  options: DayCheckOptions,
): Promise<{ readonly checked: readonly CheckedSegment[]; readonly findings: Finding[] }> {
  const nests = nestSegments(segments).flatMap(flatten);
  const byName = new Map<string, CheckedSegment>();
  for (const batch of batches(nests)) {
    options.signal.throwIfAborted();
    for (const one of await checkBatch(batch, options)) {
      byName.set(formatSidecarName(one.nest.segment), one);
    }
  }
  const checked = nests.flatMap(({ segment }) => byName.get(formatSidecarName(segment)) ?? []);
  const findings = [
    ...checked.flatMap((one) => faultsOf(one, known.begin)),
    ...checked.flatMap((one) => innerFaults(one, byName)),
    ...conflictsOf(segments),
    ...unusable(checked, known),
  ];
  return { checked, findings };
}

/** Whether a restore can take it. */
export function isUsable({ check }: CheckedSegment): boolean {
  return check.kind === 'whole' || check.kind === 'old';
}

function flatten(nest: Nest): Nest[] {
  return [nest, ...nest.inner.flatMap(flatten)];
}

/** Those that others lie in come alone: they are read part by part. */
function* batches(nests: readonly Nest[]): Generator<Nest[]> {
  let batch: Nest[] = [];
  for (const nest of nests) {
    if (nest.inner.length > 0) yield [nest];
    else batch.push(nest);
    if (batch.length >= BATCH_SEGMENTS) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function checkBatch(
  batch: readonly Nest[],
  options: DayCheckOptions,
): Promise<CheckedSegment[]> {
  const { store, contents, sinceMs, signal, onChecked } = options;
  const isQuick = contents === undefined;
  const checks = await Promise.all(
    batch.map(async ({ segment }) => {
      if (segment.toMs <= sinceMs) return { kind: 'old' } as const;
      return checkSegment(store, segment, { isQuick, signal });
    }),
  );
  const questions = checks.flatMap((check, index): ContentQuestion[] => {
    const nest = batch[index];
    if (nest === undefined || check.kind !== 'whole' || check.path === undefined) return [];
    return [{ path: check.path, lane: nest.segment.lane, parts: partsOf(nest) }];
  });
  const answers = await contents?.read(questions);
  for (const check of checks) {
    if (check.kind !== 'old') onChecked(check.kind === 'gone' ? 0 : check.bytes);
  }
  return batch.flatMap((nest, index) => {
    const check = checks[index];
    return check === undefined ? [] : [withContent(nest, check, answers)];
  });
}

function withContent(
  nest: Nest,
  check: CheckedSegment['check'],
  answers: ReadonlyMap<string, Content | string> | undefined,
): CheckedSegment {
  if (check.kind !== 'whole' || answers === undefined) return { nest, check, content: undefined };
  if (check.path === undefined) {
    const parts = partsOf(nest).map(() => NO_ROWS);
    return { nest, check, content: { ...NO_ROWS, parts, repeated: 0 } };
  }
  const answer = answers.get(check.path);
  if (typeof answer !== 'string') return { nest, check, content: answer };
  const object = objectOf(check.sidecar.data?.object, nest);
  const wrong = { kind: 'wrong', object, reason: answer, sidecar: undefined } as const;
  return { nest, check: wrong, content: undefined };
}

/** Those that lie in it, as far as they are apart from each other. */
function partsOf({ inner }: Nest): SegmentName[] {
  const parts: SegmentName[] = [];
  for (const { segment } of inner) {
    if (segment.firstSeq > (parts.at(-1)?.lastSeq ?? -1)) parts.push(segment);
  }
  return parts;
}

function faultsOf({ nest, check, content }: CheckedSegment, begin: Begin | undefined): Finding[] {
  if (check.kind !== 'whole') return [];
  const { fromMs } = nest.segment;
  const { sidecar } = check;
  const own = sidecarFaults(sidecar, begin).map((reason) =>
    misleading(formatSidecarName(nest.segment), { kind: 'wrong', reason, fromMs }),
  );
  const object = objectOf(sidecar.data?.object, nest);
  const inside = content === undefined ? [] : contentFaults(sidecar, content);
  return [...own, ...inside.map((reason) => misleading(object, { kind: 'wrong', reason, fromMs }))];
}

/** Where a merged segment isn't what those that lie in it are. */
function innerFaults(
  { nest, check, content }: CheckedSegment,
  byName: ReadonlyMap<string, CheckedSegment>,
): Finding[] {
  if (check.kind !== 'whole' || nest.inner.length === 0) return [];
  const { fromMs } = nest.segment;
  const contradiction = (object: string, reason: string): Finding =>
    misleading(object, { kind: 'contradiction', reason, fromMs });
  const findings: Finding[] = [];
  for (const [index, part] of partsOf(nest).entries()) {
    const name = formatSidecarName(part);
    const found = content?.parts[index];
    const inner = byName.get(name)?.content;
    if (found === undefined || inner === undefined || isSameContent(found, inner)) continue;
    const object = objectOf(check.sidecar.data?.object, nest);
    findings.push(contradiction(object, `it does not hold the same rows as ${name}`));
  }
  const sidecars = nest.inner.flatMap(({ segment }) => {
    const inner = byName.get(formatSidecarName(segment))?.check;
    return inner?.kind === 'whole' ? [inner.sidecar] : [];
  });
  if (!isTiled(nest) || sidecars.length < nest.inner.length) return findings;
  const name = formatSidecarName(nest.segment);
  const sums = mergedFaults(check.sidecar, sidecars);
  return [...findings, ...sums.map((reason) => contradiction(name, reason))];
}

function conflictsOf(segments: readonly SegmentName[]): Finding[] {
  return uniteSpans(segments).conflicts.map(({ spans: [one, other], reason }) =>
    misleading(formatSidecarName(other), {
      kind: 'contradiction',
      reason: `${reason}: it and ${formatSidecarName(one)}`,
      fromMs: Math.min(one.fromMs, other.fromMs),
    }),
  );
}

/** What can't be used, and which of its records no other that can holds, as the coverage has it in the end. */
function unusable(checked: readonly CheckedSegment[], { begin, objects }: KnownLane): Finding[] {
  const usable = checked.filter(isUsable).map(({ nest }) => nest.segment);
  const faults = checked.flatMap(({ nest: { segment }, check }) => {
    if (check.kind === 'whole' || check.kind === 'old' || check.kind === 'gone') return [];
    const { kind, object, reason } = check;
    return [{ segment, problem: { kind, object, reason } }];
  });
  const [first] = faults;
  if (first === undefined) return [];
  const damaged = faults.map(({ segment, problem: { reason } }) => ({ ...segment, reason }));
  const holdings = { begin, objects: [...objects, ...usable], holes: [], damaged };
  const { holes } = computeCoverage({ lanes: new Map([[first.segment.lane, holdings]]) });
  return faults.map(({ segment, problem }) => unusableSegment(problem, lostOf(segment, holes)));
}

function objectOf(data: string | undefined, { segment }: Nest): string {
  return data ?? formatSidecarName(segment);
}
