import type { Holdings } from '../holdings/coverage.ts';
import type { TopicTail } from '../tail/topic-tail.ts';

/**
 * By which topics the lanes of a repository came, where it has some, and none of them came by this one or is in it: it is likely another
 * one's. Null where one did or is, or the repository has none yet. A topic that the proxies were just moved to has the lane that was open
 * then, since it is filled from their logs.
 */
export function otherTopics(
  { lanes: archived }: Holdings,
  { topic: { topic }, lanes: met }: Pick<TopicTail, 'topic' | 'lanes'>,
): readonly string[] | null {
  const begins = [...archived.values()].map(({ begin }) => begin?.topic);
  if (begins.length === 0 || begins.includes(topic)) return null;
  if (met.some(({ begin }) => archived.has(begin.lane))) return null;
  return [...new Set(begins)].filter((name) => name !== undefined).toSorted();
}

/** For people; undefined where there is nothing to say. */
export function sayOtherTopic(
  name: string,
  insteadOf: readonly string[] | null,
): string | undefined {
  if (insteadOf === null) return undefined;
  const cameBy = insteadOf.length === 0 ? '' : ` (they came by ${insteadOf.join(', ')})`;
  return `no lane of the repository came by the topic ${name}, or is in it${cameBy}: is it the right one? What it has is taken for a part of the same history, and holds the safe time back`;
}
