import type { Clock } from '../runtime/clock.ts';
import type { QueryReply } from './query-client.ts';

export type AnsweredQuery = Exclude<QueryReply, { kind: 'unanswered' }>;

const TRIES_MAX = 5;
const RETRY_MS = 1_000;

/** Asks again while there is no answer. Rejects when there is still none after some seconds, or the signal aborts. */
export async function askPatiently(
  ask: () => Promise<QueryReply>,
  clock: Clock,
  signal: AbortSignal,
): Promise<AnsweredQuery> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const reply = await ask();
    if (reply.kind !== 'unanswered') return reply;
    if (attempt === TRIES_MAX) throw new Error(`a query has no answer: ${reply.reason}`);
    await clock.sleep(RETRY_MS * attempt, signal);
  }
}
