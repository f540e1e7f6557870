import { CLOCK_MS_MAX } from '../record/topic-read.ts';
import { computeCoverage, type Holdings, type LaneHoldings } from './coverage.ts';
import { SequenceSet } from './sequence-set.ts';

/**
 * Since when a partition has to be read for what the repository lacks of it, epoch ms; a partition that isn't named from its oldest
 * message on.
 *
 * An archiver registers each lane of a partition before it commits anything that is behind that lane's first message. So what the
 * repository doesn't know at all is behind what it has of the others: without any it could be anywhere.
 */
export function startTimes(
  archived: Holdings,
  topic: string,
  partitionOf: (lane: string) => number,
): Map<number, number> {
  const lacking = new Map<number, number>();
  const seen = new Map<number, number>();
  for (const { lane, coveredToMs, covered } of computeCoverage(archived).lanes) {
    const holdings = archived.lanes.get(lane);
    if (holdings?.begin?.topic !== topic) continue;
    const partition = partitionOf(lane);
    const last = covered.at(-1)?.toMs ?? holdings.begin.openedAt;
    seen.set(partition, Math.max(seen.get(partition) ?? 0, last));
    const since = [
      ...(coveredToMs === 'ended' ? [] : [coveredToMs]),
      ...unexplained(holdings, covered),
    ];
    for (const ms of since) lacking.set(partition, Math.min(lacking.get(partition) ?? ms, ms));
  }
  return new Map(
    [...seen].map(([partition, ms]) => [
      partition,
      Math.max(0, (lacking.get(partition) ?? ms) - CLOCK_MS_MAX),
    ]),
  );
}

/** When gaps begin that no marker tells of: the topic may have what is in them. */
function unexplained(
  { begin, holes }: LaneHoldings,
  covered: readonly {
    readonly firstSeq: number;
    readonly lastSeq: number;
    readonly toMs: number;
  }[],
): number[] {
  const marked = new SequenceSet(holes);
  const times: number[] = [];
  let seq = (begin?.firstSeq ?? 1) - 1;
  let ms = begin?.openedAt ?? 0;
  for (const span of covered) {
    const gap = { firstSeq: seq + 1, lastSeq: span.firstSeq - 1 };
    if (marked.without(gap).length > 0) times.push(ms);
    seq = span.lastSeq;
    ms = span.toMs;
  }
  return times;
}
