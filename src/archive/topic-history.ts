import { CLOCK_MS_MAX } from '../record/topic-read.ts';
import { computeCoverage, type Holdings } from './coverage.ts';
import { partitionIn, type TopicOpening } from './topic-opening.ts';

/** What a repository has of one partition of a topic; epoch ms. */
export interface PartitionHistory {
  /** When it begins. */
  readonly startMs: number;
  /** All that was received before is there. */
  readonly settledMs: number;
}

/** By partition; one of which no lane is known has none. */
export function partitionHistories(
  archived: Holdings,
  topic: string,
  partitionOf: (lane: string) => number,
): Map<number, PartitionHistory> {
  const { lanes, holes } = computeCoverage(archived);
  const starts = new Map<number, number>();
  const ends = new Map<number, number>();
  const lacking = new Map<number, number>();
  for (const { lane, openedAt, covered, coveredToMs } of lanes) {
    if (archived.lanes.get(lane)?.begin?.topic !== topic) continue;
    const partition = partitionIn(archived, lane, partitionOf);
    keepLeast(starts, partition, openedAt);
    const endMs = covered.at(-1)?.toMs ?? openedAt;
    ends.set(partition, Math.max(ends.get(partition) ?? endMs, endMs));
    if (coveredToMs !== 'ended') keepLeast(lacking, partition, coveredToMs);
    for (const hole of holes) if (hole.lane === lane) keepLeast(lacking, partition, hole.fromMs);
  }
  return new Map(
    [...starts].map(([partition, startMs]) => {
      const settledMs = lacking.get(partition) ?? ends.get(partition) ?? startMs;
      return [partition, { startMs, settledMs }];
    }),
  );
}

function keepLeast(times: Map<number, number>, partition: number, ms: number): void {
  times.set(partition, Math.min(times.get(partition) ?? ms, ms));
}

/**
 * The begin of a lane that the repository doesn't know. Where the topic has its first records no more, and the repository goes back further
 * than what is left of it, those were dropped before they were archived: the lane begins with them all the same, so that
 * they are missing. They were received behind what is settled of the partition, since a lane is registered before anything that comes
 * behind its first message is archived. Where the repository does not, its history begins in the middle of the lane.
 */
export function beginOf(
  { begin }: Pick<TopicOpening, 'begin'>,
  history: PartitionHistory | undefined,
): TopicOpening['begin'] {
  const { firstSeq, openedAt } = begin;
  if (firstSeq === 1 || history === undefined) return begin;
  const { startMs, settledMs } = history;
  if (openedAt <= startMs + CLOCK_MS_MAX) return begin;
  const notBefore = Math.max(startMs, settledMs - CLOCK_MS_MAX);
  return { ...begin, firstSeq: 1, openedAt: Math.min(openedAt, notBefore) };
}
