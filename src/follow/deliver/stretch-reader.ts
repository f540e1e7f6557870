import { comparePositions, type Position } from '../../record/position.ts';
import { type Batch, type BatchLimits, ChunkBatches } from './batch.ts';
import { logFault } from './chunk-reader.ts';
import { type Chunk, ChunkPool } from './chunk.ts';
import type { DeliveryFault, DeliveryOptions } from './delivery-options.ts';
import { EndedHours } from '../rewrites/ended-hours.ts';
import type { Suspects } from './suspects.ts';

export interface StretchReaderOptions extends Pick<
  DeliveryOptions,
  'reader' | 'clock' | 'sentBodies' | 'bytesMax' | 'end' | 'isFolded' | 'past'
> {
  /** Those that are set aside are left out. */
  readonly suspects: Suspects;
  /** How many stretches may be under way at once. */
  readonly chunksMax: number;
}

export type ReadOn =
  | { readonly kind: 'nothing' }
  /** There are lines to be sent. */
  | { readonly kind: 'lines' }
  /** Records without any. */
  | { readonly kind: 'no lines'; readonly chunk: Chunk }
  | ({ readonly kind: 'failed' } & DeliveryFault);

const NOTHING: ReadOn = { kind: 'nothing' };
const LINES: ReadOn = { kind: 'lines' };

/**
 * Reads what is delivered next, a stretch of the log at a time, and cuts it into batches. What is behind, the backlog, is folded: of
 * several writes to one instant in a stretch only the last is sent. What is live is sent as it came.
 */
export class StretchReader {
  readonly #options: StretchReaderOptions;
  readonly #chunks: ChunkPool;
  readonly #ended: EndedHours;
  #read: Position | undefined;
  /** Of the stretch that was read last. */
  #batches: ChunkBatches | undefined;
  #late: ReadonlySet<number> = new Set();
  #isFolding = true;
  /** The end of the log when a backlog last reached it: delivered in good time, it ends the backlog. */
  #endSeen: Position | undefined;

  constructor(options: StretchReaderOptions, from: Position | undefined) {
    this.#options = options;
    this.#chunks = new ChunkPool(options.chunksMax);
    this.#ended = new EndedHours(options);
    this.#read = from;
  }

  /** Everything up to here was read. */
  get read(): Position | undefined {
    return this.#read;
  }

  /** Lines of the stretch that may be rewrites in hours that are over. */
  get late(): ReadonlySet<number> {
    return this.#late;
  }

  /** The transport of the next batch; undefined when the stretch is at its end. */
  get nextIsTelnet(): boolean | undefined {
    return this.#batches?.nextIsTelnet;
  }

  /** Whether what is read next is folded. */
  get isFolding(): boolean {
    return this.#isFolding;
  }

  /** What comes next was written before the primary could take it. */
  fold(): void {
    this.#isFolding = true;
    this.#endSeen = undefined;
  }

  /** The backlog is over. */
  noteCaughtUp(): void {
    this.#isFolding = false;
    this.#endSeen = undefined;
  }

  /** Whether a backlog had no more than this when it last reached the end of the log. */
  isBacklogUpTo(position: Position): boolean {
    return this.#endSeen !== undefined && comparePositions(position, this.#endSeen) >= 0;
  }

  /** Reads again what comes after the position. */
  goBack(position: Position | undefined): void {
    this.#batches = undefined;
    this.#read = position;
  }

  /** Undefined when the stretch is at its end. */
  take(limits: BatchLimits): Batch | undefined {
    return this.#batches?.take(limits);
  }

  /** Reads the next stretch, when there is one and a chunk to hold it besides those `inUse`. */
  async readOn(inUse: readonly Chunk[], pointsMax: number, signal: AbortSignal): Promise<ReadOn> {
    const chunk = this.#chunks.take(inUse);
    if (chunk === undefined) return NOTHING;
    const { reader, clock, sentBodies, bytesMax, suspects } = this.#options;
    const backlog = this.#isFolding ? signal : undefined;
    // A longer stretch folds better.
    const more = backlog === undefined ? 1 : 2;
    const limits = { lines: pointsMax * more, bytes: bytesMax * more };
    try {
      await reader.fill(chunk, this.#read, limits, backlog);
    } catch (error) {
      return { kind: 'failed', ...logFault(error) };
    }
    if (chunk.last === undefined) return NOTHING;
    suspects.leaveOut(chunk);
    const taken = { nowMs: clock.now(), from: this.#read, backlog };
    this.#late = await this.#ended.rewrites(chunk, taken);
    if (backlog?.aborted === true) return NOTHING;
    this.#read = chunk.last;
    if (backlog !== undefined) this.#noteBacklog(chunk.last);
    const order = backlog === undefined ? 'log' : 'folded';
    this.#batches = new ChunkBatches(chunk, order, sentBodies);
    return this.nextIsTelnet === undefined ? { kind: 'no lines', chunk } : LINES;
  }

  #noteBacklog(last: Position): void {
    if (comparePositions(last, this.#options.end()) < 0) return;
    this.#isFolding = false;
    this.#endSeen = last;
  }
}
