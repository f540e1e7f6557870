import { computeCoverage, type Coverage } from '../archive/holdings/coverage.ts';
import type { LaneTail } from '../archive/tail/log-tail.ts';
import { parseObjectName, type Span } from '../archive/format/object-names.ts';
import { otherTopics } from '../archive/topic/other-topics.ts';
import { type SequenceRange, SequenceSet } from '../record/sequence-set.ts';
import type { Damaged } from '../archive/holdings/without-damaged.ts';
import { formatInstant } from '../runtime/instant.ts';
import { Cursor } from '../wal/cursor.ts';
import type { FoundState } from './segments/find-state.ts';
import type {
  PlannedDamage,
  PlannedLane,
  PlannedRange,
  RecordSource,
  RestorePlan,
} from './restore-request.ts';

const RANGES_SHOWN = 1_000;

/** Where what a restore reads comes from. */
export async function describeSources(
  found: FoundState,
): Promise<Pick<RestorePlan, 'log' | 'topic' | 'lanes'>> {
  const { sources, archived, tail, topic } = found;
  const coverage = computeCoverage(archived);
  const { safeTimeMs } = coverage;
  const archivedTo = safeTimeMs === undefined ? null : formatInstant(safeTimeMs);
  return {
    log:
      tail === undefined || sources.data === undefined
        ? null
        : {
            data: sources.data,
            isInUse: tail.log.holder !== undefined,
            isInTopic: await Cursor.isThere(sources.data, 'kafka'),
            archivedTo,
            ranges: rangesOf(tail.lanes),
          },
    topic:
      topic === undefined
        ? null
        : {
            name: topic.topic.topic,
            brokers: topic.topic.brokers,
            insteadOf: otherTopics(archived, topic),
            archivedTo,
            ranges: rangesOf(topic.lanes),
          },
    lanes: lanesOf(found, coverage),
  };
}

function rangesOf(lanes: readonly LaneTail[]): PlannedRange[] {
  const ranges = lanes.flatMap(({ begin, runs }) =>
    runs.map(({ firstSeq, lastSeq, fromMs, toMs, points }) => ({
      lane: begin.lane,
      firstSeq,
      lastSeq,
      from: formatInstant(fromMs),
      to: formatInstant(toMs),
      points,
    })),
  );
  return ranges.slice(-RANGES_SHOWN);
}

/** Of each lane, what comes from where; only what may have been received by the moment restored to. */
function lanesOf({ tail, topic, catalog, asOfMs }: FoundState, archive: Coverage): PlannedLane[] {
  const ranges = new Map<string, PlannedLane['ranges'][number][]>();
  const add = (source: RecordSource, lane: string, spans: readonly Span[]): void => {
    const known = ranges.get(lane) ?? [];
    ranges.set(lane, known);
    for (const { firstSeq, lastSeq, fromMs, toMs } of spans) {
      if (fromMs > asOfMs) continue;
      const [from, to] = [formatInstant(fromMs), formatInstant(toMs)];
      known.push({ source, firstSeq, lastSeq, from, to });
    }
  };
  for (const { lane, covered } of archive.lanes) add('archive', lane, covered);
  for (const { begin, runs } of tail?.lanes ?? []) add('log', begin.lane, runs);
  for (const { begin, runs } of topic?.lanes ?? []) add('topic', begin.lane, runs);
  const lanes = computeCoverage(catalog).lanes.map(({ lane }): PlannedLane => {
    const host = catalog.lanes.get(lane)?.begin?.host ?? null;
    const found = ranges.get(lane) ?? [];
    return { lane, host, ranges: found.toSorted((a, b) => a.firstSeq - b.firstSeq) };
  });
  return lanes.filter((lane) => lane.ranges.length > 0).slice(-RANGES_SHOWN);
}

/** Of each damaged segment, what has its records: the archive where it can, then the log, then the topic. */
export function describeDamage(
  { archived, tail, topic }: Pick<FoundState, 'archived' | 'tail' | 'topic'>,
  damaged: Damaged,
): PlannedDamage[] {
  return [...damaged].map(([object, reason]) => {
    const segment = parseObjectName(object);
    if (segment?.kind !== 'sidecar') return { object, reason, instead: [] };
    const runsOf = (lanes: readonly LaneTail[] = []): readonly Span[] =>
      lanes.find(({ begin }) => begin.lane === segment.lane)?.runs ?? [];
    const sources = [
      ['archive', archived.lanes.get(segment.lane)?.objects ?? []],
      ['log', runsOf(tail?.lanes)],
      ['topic', runsOf(topic?.lanes)],
    ] as const;
    let open: readonly SequenceRange[] = [segment];
    const instead: PlannedDamage['instead'][number][] = [];
    for (const [source, spans] of sources) {
      const held = new SequenceSet(spans);
      const rest = new SequenceSet(open.flatMap((range) => held.without(range)));
      for (const { firstSeq, lastSeq } of open.flatMap((range) => rest.without(range)))
        instead.push({ source, firstSeq, lastSeq });
      open = rest.ranges;
    }
    return { object, reason, instead: instead.toSorted((a, b) => a.firstSeq - b.firstSeq) };
  });
}
