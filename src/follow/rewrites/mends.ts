import type { Position } from '../../record/position.ts';
import { assert } from '../../runtime/errors.ts';
import { CellNumbers } from './cell-numbers.ts';
import type { Chunk } from '../deliver/chunk.ts';
import { copyInto } from '../deliver/copy-into.ts';
import { type MendDue, MendPage, PAGE_LINES } from './mend-page.ts';
import { firstOf } from '../others/put-stretch.ts';

/** More instants in doubt at once stop the delivery until some are mended. */
export const MENDS_MAX = 100_000;
/** So do more pages of 0.6 MiB, which long lines fill sooner. */
const PAGES_MAX = 48;
/** Mends that are due within so long of each other wait for the last of them. Those that wait for long would fill many pages with a few each: those of ended hours, */
const STEP_MS: Readonly<Record<MendKind, number>> = { lasting: 250, ended: 4_000 };
/** and all where the TSD is slow to flush: within such a part of a flush span they wait for each other, too. */
const STEP_SPANS: Readonly<Record<MendKind, number>> = { lasting: 1 / 8, ended: 1 };
/** Of the room that is left so large a part may be taken each so many milliseconds. */
const PARTS = 4;
const PART_MS = 100;
/** More empty ones are not kept. */
const PAGES_KEPT = 8;

/** `lasting`: of hours that last; `ended`: of hours that are over, where the TSD may compact. */
export type MendKind = 'lasting' | 'ended';

interface Mend {
  readonly chunk: Chunk;
  readonly line: number;
  readonly due: MendDue;
  readonly kind: MendKind;
}

/** Lines of a batch that may tie with earlier writes, in order, and the numbers of their cells. */
export interface Rewrites {
  readonly lines: readonly number[];
  readonly cells: readonly number[];
}

/**
 * The instants in doubt: for each the latest value, to be put once more when the flush is surely over. A
 * cursor must not pass that latest write before: it is enough that it would be sent again after a crash.
 *
 * Where all is written again and again nearly every mend is replaced before it is due. So one is no more than a line
 * copied to the page of those that are due at the same time, often over the one that it replaces.
 */
export class Mends {
  readonly #flushSpanMs: () => number;
  readonly #cells = new CellNumbers();
  /** By number of a cell: where its mend is, and one; 0: it has none. */
  #places = new Uint32Array(this.#cells.capacity);
  /** By number of a cell: its writes under way that will be mended. */
  #underWay = new Uint32Array(this.#cells.capacity);
  /** By number of a cell: the last landing that brought its mend. */
  #landings = new Uint32Array(this.#cells.capacity);
  #landing = 0;
  #count = 0;
  /** Instants that came to be in doubt, ever; and up to how many may until the next part of the room is given out. */
  #added = 0;
  #partEnd = 0;
  #partMs = -Infinity;
  /** All there are, by number. */
  readonly #pages: (MendPage | undefined)[] = [];
  readonly #kept: MendPage[] = [];
  readonly #bodies: Buffer[] = [];
  /** Those with mends, in the order in which they were opened. */
  readonly #queues: Record<MendKind, MendPage[]> = { lasting: [], ended: [] };

  /** `flushSpanMs`: how long OpenTSDB may hold writes before it flushes them, and a margin. */
  constructor(flushSpanMs: () => number) {
    this.#flushSpanMs = flushSpanMs;
  }

  get size(): number {
    return this.#count;
  }

  /**
   * Whether there is room for more now. What is left of it is given out in parts: all at once it would be gone in a moment, and
   * what comes next would wait for as long as a mend does.
   */
  givesRoom(nowMs: number): boolean {
    const cells = MENDS_MAX - this.#cells.count;
    const pages = PAGES_MAX - this.#queues.lasting.length - this.#queues.ended.length;
    if (nowMs - this.#partMs >= PART_MS) {
      this.#partMs = nowMs;
      const pageLines = this.#queues.lasting.at(-1)?.linesMax ?? PAGE_LINES;
      this.#partEnd = this.#added + Math.min(cells, pages * pageLines) / PARTS;
    }
    return this.#added < this.#partEnd && cells > 0 && pages > 0;
  }

  /** Whether the instant is in doubt, so that every later write of it is, too. */
  has(high: number, low: number): boolean {
    return this.#cells.count > 0 && this.#cells.find(high, low) >= 0;
  }

  /** A write that may tie is being sent; `land` comes with its answer. Returns the number of its cell. */
  announce(high: number, low: number): number {
    const cell = this.#enter(high, low);
    this.#underWay[cell] = (this.#underWay[cell] ?? 0) + 1;
    return cell;
  }

  /** What was announced of a batch was answered: of each instant the last that isn't refused is to be put once more. */
  land(chunk: Chunk, rewrites: Rewrites, refused: ReadonlySet<number>, due: MendDue): void {
    // 0 is of cells that never had one.
    this.#landing = (this.#landing + 1) >>> 0 || 1;
    for (let at = rewrites.lines.length - 1; at >= 0; at -= 1) {
      const line = rewrites.lines[at] ?? 0;
      const cell = rewrites.cells[at] ?? 0;
      this.#underWay[cell] = (this.#underWay[cell] ?? 1) - 1;
      if (this.#landings[cell] !== this.#landing && !refused.has(line)) {
        this.#landings[cell] = this.#landing;
        this.#put(cell, { chunk, line, due, kind: 'lasting' });
      }
      this.#leave(cell);
    }
  }

  /** A later write of the same instant takes the place of an earlier one, and waits its own time. */
  add(chunk: Chunk, line: number, due: MendDue, kind: MendKind = 'lasting'): void {
    const cell = this.#enter(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
    this.#put(cell, { chunk, line, due, kind });
  }

  /** None is put before that: what it is to come after, the TSD may write only now. */
  hold(due: MendDue): void {
    for (const page of Object.values(this.#queues).flat()) page.hold(due);
  }

  /** Those due that were opened first. They stay until `remove`; until the page is closed, others may join them, or take their place. */
  due(nowMs: number, kind: MendKind): MendPage | undefined {
    return this.#queues[kind].find(({ dueMs }) => dueMs <= nowMs);
  }

  /** When the first of a kind are due. */
  nextDueMs(kind: MendKind): number | undefined {
    let first = this.#queues[kind][0]?.dueMs;
    for (const { dueMs } of this.#queues[kind]) if (dueMs < (first ?? dueMs)) first = dueMs;
    return first;
  }

  /** Takes a line of a page out unless a later write has taken its place. */
  remove(page: MendPage, line: number): void {
    if (!page.has(line)) return;
    const { keyHigh, keyLow } = page.chunk;
    const cell = this.#cells.find(keyHigh[line] ?? 0, keyLow[line] ?? 0);
    this.#places[cell] = 0;
    this.#count -= 1;
    this.#drop(page, line);
    this.#leave(cell);
  }

  /** All of them will be put otherwise. */
  clear(): void {
    for (const page of Object.values(this.#queues).flat())
      for (let line = 0; line < page.chunk.count; line += 1) this.remove(page, line);
  }

  /** The first record of which a write is in doubt. */
  first(): Position | undefined {
    let first: Position | undefined;
    for (const { chunk, firstSeq } of Object.values(this.#queues).flat()) {
      assert(chunk.last !== undefined, 'a mend is of a record');
      first = firstOf(first, { ...chunk.last, seq: firstSeq });
    }
    return first;
  }

  #put(cell: number, mend: Mend): void {
    const { chunk, line, due } = mend;
    const page = this.#open(mend);
    const before = (this.#places[cell] ?? 0) - 1;
    const replaced = before < 0 ? undefined : this.#pages[Math.floor(before / PAGE_LINES)];
    const beaten = before % PAGE_LINES;
    if (replaced === page && page.replace(beaten, chunk, line, due)) return;
    const place = page.number * PAGE_LINES + page.add(chunk, line, due);
    this.#places[cell] = place + 1;
    if (replaced === undefined) this.#count += 1;
    else this.#drop(replaced, beaten);
  }

  /** The page for a mend. */
  #open({ chunk, line, due: { dueMs }, kind }: Mend): MendPage {
    const queue = this.#queues[kind];
    const newest = queue.at(-1);
    if (newest?.hasRoom(chunk, line, dueMs) === true) return newest;
    newest?.close();
    const page = this.#kept.pop() ?? this.#newPage();
    page.open(chunk, dueMs, Math.max(STEP_MS[kind], STEP_SPANS[kind] * this.#flushSpanMs()));
    queue.push(page);
    return page;
  }

  #newPage(): MendPage {
    const free = this.#pages.indexOf(undefined);
    const page = new MendPage(free < 0 ? this.#pages.length : free, this.#bodies);
    this.#pages[page.number] = page;
    return page;
  }

  #drop(page: MendPage, line: number): void {
    page.drop(line);
    if (page.count > 0) return;
    for (const queue of Object.values(this.#queues)) {
      const at = queue.indexOf(page);
      if (at >= 0) queue.splice(at, 1);
    }
    if (this.#kept.length < PAGES_KEPT && !page.isLarge) this.#kept.push(page);
    else this.#pages[page.number] = undefined;
  }

  #enter(high: number, low: number): number {
    const before = this.#cells.count;
    const cell = this.#cells.enter(high, low);
    const { capacity, count } = this.#cells;
    this.#added += count - before;
    if (capacity === this.#places.length) return cell;
    this.#places = copyInto(new Uint32Array(capacity), this.#places);
    this.#underWay = copyInto(new Uint32Array(capacity), this.#underWay);
    this.#landings = copyInto(new Uint32Array(capacity), this.#landings);
    return cell;
  }

  #leave(cell: number): void {
    if (this.#places[cell] === 0 && this.#underWay[cell] === 0) this.#cells.leave(cell);
  }
}
