import { computeCoverage } from '../archive/coverage.ts';
import type { LaneTail } from '../archive/log-tail.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { FoundState } from './find-state.ts';
import type { PlannedLane, PlannedRange, RestorePlan } from './restore-request.ts';

const RANGES_SHOWN = 1_000;

/** Where what a restore reads comes from. */
export function describeSources(found: FoundState): Pick<RestorePlan, 'log' | 'topic' | 'lanes'> {
  const { sources, archived, tail, topic } = found;
  const { safeTimeMs } = computeCoverage(archived);
  const archivedTo = safeTimeMs === undefined ? null : formatInstant(safeTimeMs);
  return {
    log:
      tail === undefined || sources.data === undefined
        ? null
        : {
            data: sources.data,
            isInUse: tail.log.holder !== undefined,
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
    lanes: lanesOf(found),
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
function lanesOf({ archived, tail, topic, catalog, targetMs }: FoundState): PlannedLane[] {
  const archivedLanes = computeCoverage(archived).lanes;
  const found: readonly (readonly [PlannedLane['ranges'][number]['source'], Covered[]])[] = [
    ['archive', archivedLanes.map(({ lane, covered }) => ({ lane, spans: covered }))],
    ['log', (tail?.lanes ?? []).map(({ begin, runs }) => ({ lane: begin.lane, spans: runs }))],
    ['topic', (topic?.lanes ?? []).map(({ begin, runs }) => ({ lane: begin.lane, spans: runs }))],
  ];
  const lanes = computeCoverage(catalog).lanes.map(({ lane }): PlannedLane => {
    const ranges = found.flatMap(([source, covered]) =>
      covered
        .filter((one) => one.lane === lane)
        .flatMap(({ spans }) => spans)
        .filter(({ fromMs }) => fromMs <= targetMs)
        .map(({ firstSeq, lastSeq, fromMs, toMs }) => {
          const from = formatInstant(fromMs);
          return { source, firstSeq, lastSeq, from, to: formatInstant(toMs) };
        }),
    );
    const host = catalog.lanes.get(lane)?.begin?.host ?? null;
    return { lane, host, ranges: ranges.toSorted((a, b) => a.firstSeq - b.firstSeq) };
  });
  return lanes.filter(({ ranges }) => ranges.length > 0).slice(-RANGES_SHOWN);
}

interface Covered {
  readonly lane: string;
  readonly spans: readonly {
    readonly firstSeq: number;
    readonly lastSeq: number;
    readonly fromMs: number;
    readonly toMs: number;
  }[];
}
