import { openOf } from '../record/lane-control.ts';
import type { TopicFrame } from '../record/topic-read.ts';
import type { Begin } from './sidecar.ts';

/** How a lane begins in a topic. */
export interface TopicOpening {
  readonly partition: number;
  readonly begin: Omit<Begin, 'previous'>;
  /** As its first record says; null also when that isn't in the topic. */
  readonly previous: Begin['previous'];
}

/** `frame`: the first of the lane that the topic has. */
export function openingOf(frame: TopicFrame, topic: string): TopicOpening {
  const { partition, lane, ordinal, firstSeq, host, body } = frame;
  const { firstReceivedAt: openedAt } = frame;
  const open = firstSeq === 1 ? openOf(body) : undefined;
  const { reason = 'unknown', disputed = null, previous = null } = open ?? {};
  const begin = { lane, ordinal, firstSeq, openedAt, reason, disputed, host, topic };
  return { partition, begin, previous };
}
