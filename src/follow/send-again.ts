import type { Applied, Applier } from './applier.ts';
import { type Batch, type BatchLimits, ChunkBatches } from './batch.ts';
import { Chunk } from './chunk.ts';

export type SentAgain =
  /** All were handled; the errors of those refused, by their place in the list. */
  { readonly kind: 'handled'; readonly errors: ReadonlyMap<number, string> } | NotSent;

/** What was due was put again, or need not be yet. */
export type Repeated =
  | { readonly kind: 'done' }
  | Extract<NotSent, { kind: 'too large' }>
  | Extract<Applied, { kind: 'failed' }>;

export const DONE: Repeated = { kind: 'done' };

export type NotSent =
  | { readonly kind: 'too large'; readonly batch: Batch }
  | (Extract<Applied, { kind: 'failed' }> & { readonly batch: Batch });

/** Puts single lines, each by its transport. No two may write the same instant, and nothing else may be under way. */
export async function sendAgain(
  applier: Applier,
  points: readonly { readonly line: string; readonly telnet: boolean }[],
  limits: BatchLimits,
): Promise<SentAgain> {
  const chunk = new Chunk(64 * 1024, Math.max(1, points.length));
  for (const [seq, { line, telnet }] of points.entries()) {
    const bytes = Buffer.from(`${line}\n`);
    chunk.add(bytes, 0, bytes.length, { seq, telnet, receivedAt: 0 });
  }
  const errors = new Map<number, string>();
  const batches = new ChunkBatches(chunk, true);
  while (batches.nextIsTelnet !== undefined) {
    const sent = await sendAlone(applier, batches.take(limits));
    if (sent.kind !== 'handled') return sent;
    for (const { line, error } of sent.refused) errors.set(chunk.seqs[line] ?? 0, error);
  }
  return { kind: 'handled', errors };
}

/** Puts a batch while nothing else is under way. */
export async function sendAlone(
  applier: Applier,
  batch: Batch,
): Promise<Extract<Applied, { kind: 'handled' }> | NotSent> {
  const answer = await applier.apply(batch);
  const applied = answer.kind === 'unlocated' ? await applier.locate(batch) : answer;
  return applied.kind === 'handled' ? applied : { ...applied, batch };
}
