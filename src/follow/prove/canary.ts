import type { Position } from '../../record/position.ts';
import type { Batch } from '../deliver/batch.ts';
import type { LookThrough } from '../others/look-through.ts';
import { isKnownForm, isSameByHttp, isSameCell } from '../deliver/point-key.ts';
import type { Departure } from '../others/put-notes.ts';

export interface CanaryPoint {
  readonly line: string;
  /** Whether putting it by HTTP writes the very cell that was written before. */
  readonly isPuttable: boolean;
  readonly high: number;
  readonly low: number;
  readonly position: Position;
  readonly receivedAt: number;
  readonly isOfOthers?: boolean;
}

/** What became of a batch. */
interface Handled {
  /** Lines of it. */
  readonly refused: ReadonlySet<number>;
  /** Lines that may lose against an earlier write of their instant until they are put once more. */
  readonly rewrites: readonly number[];
  /** On their way after it. */
  readonly later: readonly Batch[];
}

/** So many of the last points of a batch are looked at for one that can serve. */
const LOOK_BACK = 20;
const LOOK_BACK_MAX = 200;
const STORED_MAX = 4;
/** Of more the oldest are forgotten. */
const UNANSWERED_MAX = 1_000;

/**
 * The point that is put again with `?sync`, to learn that what was delivered before it is stored: always
 * the latest write of its instant, so that putting it again changes nothing.
 */
export class Canary {
  readonly #look: LookThrough | undefined;
  #candidate: CanaryPoint | undefined;
  /** A later point, which serves less well. */
  #spare: CanaryPoint | undefined;
  /** Those that were last stored, of one metric each, the next to be tried first. */
  #stored: CanaryPoint[] = [];
  #isWithheld = false;
  #underWay: CanaryPoint | undefined;
  #isOvertaken = false;
  /** Requests with points that were handled, and how many of them the last proof covers. */
  #handled = 0;
  #proving = 0;
  #proven = 0;
  /** When the last proof began, and the one under way. */
  #provenSinceMs = -Infinity;
  #provingSinceMs = -Infinity;
  #isWanted = false;
  /** Put without an answer: each may still be written, at any time. */
  #unanswered = new Set<CanaryPoint>();

  #departure: Departure | undefined;

  constructor(look?: LookThrough) {
    this.#look = look;
  }

  /** When a canary last came back: the TSD stores what it is sent. */
  provenMs = -Infinity;

  /** Requests handled so far. */
  get handled(): number {
    return this.#handled;
  }

  /** Requests that are proven stored; all that were handled when nothing could prove it. */
  get proven(): number {
    return this.isReady ? this.#proven : this.#handled;
  }

  /** Requests handled of which those up to a moment may not be proven stored; 0 when they are. */
  handledUntil(ms: number): number {
    return this.#provenSinceMs >= ms ? 0 : this.#handled;
  }

  /** Whether something was handled since the last proof began. */
  get isUnproven(): boolean {
    return this.#handled > this.#proven;
  }

  /** Whether someone must know if the TSD stores, though nothing new was handled. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Whether there is a point to prove it with. */
  get isReady(): boolean {
    return this.#candidate !== undefined;
  }

  /** Whether there was one that must not be put any more. */
  get isWithheld(): boolean {
    return this.#isWithheld;
  }

  /** Whether a write of the instant was sent while the canary is. */
  get isOvertaken(): boolean {
    return this.#isOvertaken;
  }

  /** Those that were last stored, of one metric each. */
  get stored(): readonly CanaryPoint[] {
    return this.#stored;
  }

  want(): void {
    this.#isWanted = true;
  }

  /**
   * The batch was handled: its last points may serve, unless they were refused, or those on their way
   * after it write the same instants. What may tie isn't read back: it shows only once it was put again, which waits for this proof.
   */
  offer(batch: Batch, { refused, rewrites, later }: Handled): void {
    const { chunk, lines, telnet } = batch;
    if (lines.length === refused.size) return;
    this.note();
    // Of HTTP none is read back.
    const mayTie = new Set(telnet ? rewrites : []);
    let mayBeSpare = this.#look !== undefined;
    const lookBack = this.isReady ? LOOK_BACK : LOOK_BACK_MAX;
    for (let at = lines.length - 1; at >= Math.max(0, lines.length - lookBack); at -= 1) {
      const line = lines[at] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      const isPuttable = !telnet || isSameByHttp(low);
      const isWorse = !isPuttable && this.#candidate?.isPuttable === true;
      const isReadable = isKnownForm(low) && !mayTie.has(line);
      const isOfUse = isPuttable || (isReadable && (!isWorse || mayBeSpare));
      if (refused.has(line) || !isOfUse) continue;
      const high = chunk.keyHigh[line] ?? 0;
      const after = { chunk, lines: lines.slice(at + 1) };
      if ([after, ...later].some((part) => writes(part, high, low))) continue;
      const record = { position: chunk.positionOf(line), receivedAt: chunk.times[line] ?? 0 };
      const isOfOthers = chunk.isOfOthers[line] === 1;
      this.#take({ line: chunk.text(line), isPuttable, high, low, isOfOthers, ...record });
      if (isWorse) mayBeSpare = false;
      if (isPuttable) return;
    }
  }

  /** The point was handled by itself, and ties with nothing: it serves where there is none. Returns whether there is one then. */
  offerAgain({
    telnet,
    ...point
  }: Omit<CanaryPoint, 'isPuttable'> & { readonly telnet: boolean }): boolean {
    const isPuttable = !telnet || isSameByHttp(point.low);
    if (!this.isReady && (isPuttable || isKnownForm(point.low)))
      this.#take({ ...point, isPuttable });
    return this.isReady;
  }

  /** Something else was handled: it is not proven yet. One that is only read back was handled before, and proves nothing of it. */
  note(): void {
    this.#handled += 1;
    if (this.#candidate?.isPuttable === false) this.#candidate = undefined;
    this.#spare = undefined;
  }

  /** Something was passed over of which a part may not be stored: it is delivered again, when another proof has come. */
  noteInDoubt(): void {
    this.#handled += 1;
  }

  #take(point: CanaryPoint): void {
    this.#isWithheld = false;
    const isWorse = !point.isPuttable && this.#candidate?.isPuttable === true;
    this.#spare = isWorse ? point : undefined;
    if (!isWorse) this.#candidate = point;
  }

  /** The candidate is on its way; until `landed` a write of its instant may be overtaken by it. */
  send(nowMs: number): CanaryPoint | undefined {
    this.#withhold();
    this.#provingSinceMs = nowMs;
    this.#underWay = this.#candidate;
    this.#isOvertaken = false;
    this.#proving = this.#handled;
    const point = this.#candidate;
    this.#departure = point?.isPuttable === true ? this.#look?.departAgain([point]) : undefined;
    return point;
  }

  /** What the cursor has passed is not looked through after a crash: another lane may have written there since. */
  #withhold(): void {
    const candidate = this.#candidate;
    if (candidate?.isPuttable !== true || this.#look?.mayPutAgain(candidate.position) !== false)
      return;
    this.#candidate = this.#spare;
    this.#spare = undefined;
    this.#isWithheld = this.#candidate === undefined;
  }

  /** It came back; `isStored` says whether with success. */
  landed(isStored: boolean, nowMs: number): void {
    const point = this.#underWay;
    this.#underWay = undefined;
    this.#departure?.landed(nowMs);
    if (!isStored) {
      if (point?.isPuttable === true) this.#noteUnanswered(point);
      return;
    }
    if (point !== undefined && !this.#isOvertaken) this.#noteStored(point);
    this.provenMs = nowMs;
    this.#proven = this.#proving;
    this.#provenSinceMs = this.#provingSinceMs;
    this.#isWanted = false;
  }

  #noteUnanswered(point: CanaryPoint): void {
    const [oldest] = this.#unanswered;
    if (oldest !== undefined && this.#unanswered.size >= UNANSWERED_MAX)
      this.#unanswered.delete(oldest);
    this.#unanswered.add(point);
  }

  #noteStored(point: CanaryPoint): void {
    const metric = metricOf(point);
    const others = this.#stored.filter((other) => metricOf(other) !== metric);
    this.#stored = [point, ...others].slice(0, STORED_MAX);
  }

  /** The candidate was not stored: one that was before takes its place, since it may be another part of the storage. False when there is none. */
  fallBack(): boolean {
    const failed = this.#candidate;
    const at = this.#stored.findIndex((point) => point !== failed);
    const [point] = at < 0 ? [] : this.#stored.splice(at, 1);
    if (point === undefined) return false;
    this.#stored.push(point);
    this.#candidate = point;
    return true;
  }

  /** Those that were put without an answer since the last call. */
  takeUnanswered(): readonly CanaryPoint[] {
    const points = [...this.#unanswered];
    this.#unanswered.clear();
    return points;
  }

  /** It can't serve. */
  forget(point: CanaryPoint): void {
    if (this.#candidate === point) this.#candidate = undefined;
    this.#drop(point);
  }

  /** A write of this instant is being sent. True when the canary may land after it: then it must be put once more. */
  overtake(high: number, low: number): boolean {
    if (isCell(this.#candidate, high, low)) this.#candidate = undefined;
    if (isCell(this.#spare, high, low)) this.#spare = undefined;
    for (const point of this.#stored) if (isCell(point, high, low)) this.#drop(point);
    if (!isCell(this.#underWay, high, low)) return false;
    this.#isOvertaken = true;
    return this.#underWay?.isPuttable === true;
  }

  #drop(point: CanaryPoint): void {
    this.#stored = this.#stored.filter((other) => other !== point);
  }

  /** Whether the canary that is on its way writes this instant. */
  isUnderWay(high: number, low: number): boolean {
    return this.#underWay?.isPuttable === true && isCell(this.#underWay, high, low);
  }
}

function metricOf({ line }: CanaryPoint): string {
  return line.split(' ', 2)[1] ?? '';
}

function writes(part: Pick<Batch, 'chunk' | 'lines'>, high: number, low: number): boolean {
  const { keyHigh, keyLow } = part.chunk;
  return part.lines.some((line) => keyHigh[line] === high && isSameCell(keyLow[line] ?? 0, low));
}

function isCell(point: CanaryPoint | undefined, high: number, low: number): boolean {
  return point !== undefined && point.high === high && isSameCell(point.low, low);
}
