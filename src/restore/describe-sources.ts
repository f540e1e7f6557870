import { computeCoverage, type Coverage } from '../archive/coverage.ts';
import type { LaneTail } from '../archive/log-tail.ts';
import type { Span } from '../archive/object-names.ts';
import { formatInstant } from '../runtime/instant.ts';
import { Cursor } from '../wal/cursor.ts';
import type { FoundState } from './find-state.ts';
import type { PlannedLane, PlannedRange, RestorePlan } from './restore-request.ts';

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

/** Of each lane, what comes from where; only what may have been received by the target time. */
function lanesOf({ tail, topic, catalog, targetMs }: FoundState, archive: Coverage): PlannedLane[] {
  const ranges = new Map<string, PlannedLane['ranges'][number][]>();
  const add = (source: Source, lane: string, spans: readonly Span[]): void => {
    const known = ranges.get(lane) ?? [];
    ranges.set(lane, known);
    for (const { firstSeq, lastSeq, fromMs, toMs } of spans) {
      if (fromMs > targetMs) continue;
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

type Source = PlannedLane['ranges'][number]['source'];
