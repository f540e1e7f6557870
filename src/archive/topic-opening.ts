import { type Control, parseControl } from '../record/control.ts';
import { readLines, readRecords } from '../record/record.ts';
import type { TopicFrame } from '../record/topic-read.ts';
import type { Begin } from './sidecar.ts';

/** How a lane begins in a topic. */
export interface TopicOpening {
  readonly begin: Omit<Begin, 'previous'>;
  /** As its first record says; null also when that isn't in the topic. */
  readonly previous: Begin['previous'];
}

/** `frame`: the first of the lane that the topic has. */
export function openingOf(frame: TopicFrame, topic: string): TopicOpening {
  const { lane, ordinal, firstSeq, firstReceivedAt: openedAt, host, body } = frame;
  const open = firstSeq === 1 ? openOf(body) : undefined;
  const { reason = 'unknown', disputed = null, previous = null } = open ?? {};
  return { begin: { lane, ordinal, firstSeq, openedAt, reason, disputed, host, topic }, previous };
}

/** What the first record of a frame says, when it opens a lane. */
function openOf(body: Buffer): Extract<Control, { kind: 'open' }> | undefined {
  for (const record of readRecords(body)) {
    for (const line of readLines(body, record)) {
      const control = parseControl(line);
      return control?.kind === 'open' ? control : undefined;
    }
  }
  return undefined;
}
