import { openOf } from '../../record/lane-control.ts';
import type { TopicFrame } from '../../record/topic-read.ts';
import type { Holdings } from '../holdings/coverage.ts';
import type { Begin } from '../format/sidecar.ts';

/** How a lane begins in a topic. */
export interface TopicOpening {
  readonly begin: Omit<Begin, 'previous' | 'partition'> & { readonly partition: number };
  /** As its first record says; null also when that isn't in the topic. */
  readonly previous: Begin['previous'];
}

/** How a lane begins, by `frame`, the first one of it that the topic has: where that is not its first of all, reason and lane before are unknown. */
export function openingOf(frame: TopicFrame, topic: string): TopicOpening {
  const { partition, lane, ordinal, firstSeq, host, body } = frame;
  const { firstReceivedAt: openedAt } = frame;
  const open = firstSeq === 1 ? openOf(body) : undefined;
  const { reason = 'unknown', disputed = null, previous = null } = open ?? {};
  const begin = { lane, ordinal, firstSeq, openedAt, reason, disputed, host, topic, partition };
  return { begin, previous };
}

/** Where a lane of a topic is; `guess`: where it would be now, for one of which the repository doesn't tell. */
export function partitionIn(
  holdings: Holdings,
  lane: string,
  guess: (lane: string) => number,
): number {
  return holdings.lanes.get(lane)?.begin?.partition ?? guess(lane);
}
