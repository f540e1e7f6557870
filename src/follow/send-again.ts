import type { Applied, Applier } from './applier.ts';
import { type Batch, type BatchLimits, ChunkBatches } from './batch.ts';
import { Chunk } from './chunk.ts';

export type SentAgain =
  /** All were handled; the errors of those refused, by their place in the list. */
  | { readonly kind: 'handled'; readonly errors: ReadonlyMap<number, string> }
  | { readonly kind: 'too large'; readonly batch: Batch }
  | Extract<Applied, { kind: 'failed' }>;

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
    const batch = batches.take(limits);
    const answer = await applier.apply(batch);
    const applied = answer.kind === 'unlocated' ? await applier.locate(batch) : answer;
    switch (applied.kind) {
      case 'handled':
        for (const { line, error } of applied.refused) errors.set(chunk.seqs[line] ?? 0, error);
        break;
      case 'too large':
        return { kind: 'too large', batch };
      case 'failed':
        return applied;
    }
  }
  return { kind: 'handled', errors };
}
