import { Chunk } from '../deliver/chunk.ts';

/** So many mends stand together at most: they are put in one request, as `delivery.batchPointsMax` is by default. */
export const PAGE_LINES = 4_000;
const PAGE_BYTES = 384 * 1024;

/** When a mend may be put, and after what. */
export interface MendDue {
  readonly dueMs: number;
  /** Requests handled up to the write itself: once they are stored, what is put comes after it. */
  readonly handled: number;
  /** Of one that was put once more to an hour that is over: how much had been compacted then, and how often it was put. */
  readonly put?: PutBefore | undefined;
}

interface PutBefore {
  readonly compacted: number;
  readonly times: number;
}

/** Mends that are due together, as lines that are ready to be put: those that were let go of are marked as beaten. One lane a page. */
export class MendPage {
  readonly chunk: Chunk;
  readonly number: number;
  /** Lines that are still to be put. */
  count = 0;
  /** When the last of them is due. */
  dueMs = -Infinity;
  handled = 0;
  /** Of each line: how often it was put, and how much was compacted before. */
  readonly #times = new Uint8Array(PAGE_LINES);
  readonly #compacted = new Float64Array(PAGE_LINES);
  #isOpen = false;
  #untilMs = -Infinity;

  /** `number`: tells it from others. `bodies`: memory for what is made from it, shared with others: one is put at a time. */
  constructor(number: number, bodies: Buffer[]) {
    this.number = number;
    this.chunk = new Chunk(PAGE_BYTES, PAGE_LINES, bodies);
  }

  /** It is empty, and takes mends of the chunk's lane that are due at that time or up to `stepMs` later. */
  open({ last }: Chunk, dueMs: number, stepMs: number): void {
    this.chunk.clear();
    this.chunk.last = last;
    this.count = 0;
    this.dueMs = dueMs;
    this.handled = 0;
    this.#isOpen = true;
    this.#untilMs = dueMs + stepMs;
  }

  /** It is being put, and takes no more. */
  close(): void {
    this.#isOpen = false;
  }

  /** Whether it holds a line that is larger than it should be. */
  get isLarge(): boolean {
    return this.chunk.length > PAGE_BYTES;
  }

  /** So many lines it would have were all as long as those that it has. */
  get linesMax(): number {
    return Math.min(PAGE_LINES, (PAGE_BYTES * this.chunk.count) / this.chunk.length);
  }

  hasRoom(from: Chunk, line: number, dueMs: number): boolean {
    const { last, count, length } = this.chunk;
    const bytes = from.endOf(line) + 1 - (from.starts[line] ?? 0);
    const isWithin = this.#isOpen && dueMs <= this.#untilMs && last?.ordinal === from.last?.ordinal;
    return isWithin && (count === 0 || (count < PAGE_LINES && length + bytes <= PAGE_BYTES));
  }

  /** Adds a line, for which there is room; returns its number. */
  add(from: Chunk, line: number, due: MendDue): number {
    this.chunk.addLine(from, line);
    this.count += 1;
    this.#note(this.chunk.count - 1, due);
    return this.chunk.count - 1;
  }

  /** Puts a line in the place of another one; false when it doesn't fit. */
  replace(place: number, from: Chunk, line: number, due: MendDue): boolean {
    if (!this.chunk.replaceLine(place, from, line)) return false;
    this.#note(place, due);
    return true;
  }

  /** The line is let go of. */
  drop(line: number): void {
    this.chunk.isBeaten[line] = 1;
    this.count -= 1;
  }

  has(line: number): boolean {
    return this.chunk.isBeaten[line] === 0;
  }

  putBefore(line: number): PutBefore | undefined {
    const times = this.#times[line] ?? 0;
    return times > 0 ? { compacted: this.#compacted[line] ?? 0, times } : undefined;
  }

  /** The sequence of the first record of which a line is still to be put. */
  get firstSeq(): number {
    const { count, seqs } = this.chunk;
    let first = Infinity;
    for (let line = 0; line < count; line += 1)
      if (this.has(line)) first = Math.min(first, seqs[line] ?? 0);
    return first;
  }

  /** It is not put before that. */
  hold({ dueMs, handled }: MendDue): void {
    this.dueMs = Math.max(this.dueMs, dueMs);
    this.handled = Math.max(this.handled, handled);
  }

  #note(line: number, due: MendDue): void {
    this.hold(due);
    const { put } = due;
    this.#times[line] = put?.times ?? 0;
    this.#compacted[line] = put?.compacted ?? 0;
  }
}
