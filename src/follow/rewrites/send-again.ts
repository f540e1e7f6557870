import type { Applied, Applier } from '../deliver/applier.ts';
import { type Batch, type BatchLimits, ChunkBatches } from '../deliver/batch.ts';
import { Chunk } from '../deliver/chunk.ts';
import { loggedPoint, type LoggedPoint } from '../deliver/logged-point.ts';

export type SentAgain =
  /** All were handled; the errors of those refused, by their place in the list. */
  { readonly kind: 'handled'; readonly errors: ReadonlyMap<number, string> } | NotSent;

/** How putting again what is due went: `done`, also where nothing was due or may be put yet; or why it has to be tried once more. */
export type Repeated =
  | { readonly kind: 'done' }
  | Extract<NotSent, { kind: 'too large' }>
  | Extract<Applied, { kind: 'failed' }>;

export const DONE: Repeated = { kind: 'done' };

export type NotSent = Exclude<Applied, { kind: 'handled' }> & {
  readonly batch: Batch;
  /** Of the batch. */
  readonly first: LoggedPoint;
};

/** Puts single lines, each by its transport. No two may write the same instant, and nothing else may be under way. */
export async function sendAgain(
  applier: Applier,
  points: readonly LoggedPoint[],
  limits: BatchLimits,
): Promise<SentAgain> {
  const chunk = new Chunk(64 * 1024, Math.max(1, points.length));
  // A line's place in the list serves as its sequence.
  for (const [seq, { line, telnet }] of points.entries()) {
    const bytes = Buffer.from(`${line}\n`);
    chunk.add(bytes, 0, bytes.length, { seq, telnet, receivedAt: 0 });
  }
  const errors = new Map<number, string>();
  const batches = new ChunkBatches(chunk, 'folded');
  while (batches.nextIsTelnet !== undefined) {
    const sent = await sendAlone(applier, batches.take(limits));
    if (sent.kind !== 'handled')
      return { ...sent, first: points[sent.first.position.seq] ?? sent.first };
    for (const { line, error } of sent.refused) errors.set(chunk.seqs[line] ?? 0, error);
  }
  return { kind: 'handled', errors };
}

/** Puts a batch, of one point at least, while nothing else is under way. */
export async function sendAlone(
  applier: Applier,
  batch: Batch,
): Promise<Extract<Applied, { kind: 'handled' }> | NotSent> {
  const answer = await applier.apply(batch);
  const applied = answer.kind === 'unlocated' ? await applier.locate(batch) : answer;
  if (applied.kind === 'handled') return applied;
  return { ...applied, batch, first: loggedPoint(batch, batch.lines[0] ?? 0) };
}
