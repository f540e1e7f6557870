/** What is not archived of one partition, and what may become of it. */
export interface UnarchivedMessages {
  readonly partition: number;
  /** Of the first message that is not archived; after the last one when there is none. */
  readonly offset: number;
  readonly low: number;
  readonly high: number;
  /** By the timestamp of that message, epoch ms; undefined when there is none. */
  readonly oldestMs: number | undefined;
  /** Of a message as it is read, about. */
  readonly messageBytes: number;
}

/** As the topic has them; Infinity for no limit. */
export interface Retention {
  readonly ms: number;
  /** Of one partition, as it is stored. */
  readonly bytes: number;
}

/**
 * Milliseconds until Kafka drops, at the earliest, something that is not archived: by age, or by size if what comes goes on like
 * what is waiting. 0: it has, already. Messages are compressed where they are stored, so by size there is more time than that.
 */
export function headroomMs(
  { offset, low, high, oldestMs, messageBytes }: UnarchivedMessages,
  { ms, bytes }: Retention,
  nowMs: number,
): number {
  if (offset < low) return 0;
  if (oldestMs === undefined || offset >= high) return ms;
  const ageMs = Math.max(1, nowMs - oldestMs);
  const waitingBytes = Math.max(1, (high - offset) * messageBytes);
  const byAge = ms - ageMs;
  const bySize = bytes === Infinity ? Infinity : ageMs * (bytes / waitingBytes - 1);
  return Math.max(0, Math.min(byAge, bySize));
}
