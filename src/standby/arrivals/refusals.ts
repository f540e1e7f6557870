import type { LaneFrame } from '../../record/lane-frame.ts';
import { parseControl } from '../../record/control.ts';
import { isUndone, type Undone, type UndoneRange } from '../../record/fork.ts';
import { readLines, readRecords } from '../../record/record.ts';

/** More records with refused points are not remembered: the oldest are forgotten. */
const RECORDS_MAX = 100_000;
const OUTCOME = Buffer.from('\n!outcome ');

/** What the primary refused, as far as the log was read, and what is undone: a target does without these points, too. */
export class Refusals {
  readonly #undone: Undone;
  readonly #lanes = new Map<string, Map<number, ReadonlySet<number>>>();
  #records = 0;

  constructor(undone: Undone) {
    this.#undone = undone;
  }

  /** Takes in what the frame says of records, mostly earlier ones. */
  note({ body }: LaneFrame): void {
    if (!body.includes(OUTCOME)) return;
    for (const record of readRecords(body)) {
      if (record.transport !== 'log') continue;
      for (const line of readLines(body, record)) {
        const control = parseControl(line);
        if (control?.kind !== 'outcome') continue;
        const indexes = control.refused.map(({ index }) => index);
        this.#add(control.lane, control.seq, indexes);
      }
    }
  }

  has(lane: string, seq: number, index: number): boolean {
    return this.#lanes.get(lane)?.get(seq)?.has(index) === true;
  }

  /**
   * The frame without the lines that are known to be refused or undone, each record keeping its place; and which were refused, by
   * sequence.
   */
  without(frame: LaneFrame): { readonly body: Buffer; readonly left: LeftOut } {
    const known = this.#lanes.get(frame.lane);
    const left = new Map<number, ReadonlySet<number>>();
    for (const [seq, indexes] of known ?? []) {
      if (seq >= frame.firstSeq && seq <= frame.lastSeq) left.set(seq, indexes);
    }
    const undone = this.#undoneIn(frame);
    const isWhole = left.size === 0 && undone.length === 0;
    const isOut = (seq: number, index: number): boolean =>
      isUndone(undone, seq) || left.get(seq)?.has(index) === true;
    return { body: isWhole ? frame.body : cut(frame.body, isOut), left };
  }

  /** The frame without the lines of what is undone; all others stay, also those that are refused. */
  withoutUndone(frame: LaneFrame): LaneFrame {
    const undone = this.#undoneIn(frame);
    if (undone.length === 0) return frame;
    return { ...frame, body: cut(frame.body, (seq) => isUndone(undone, seq)) };
  }

  /** Of these records nothing needs to be known any more. */
  forget(lane: string, throughSeq: number): void {
    const known = this.#lanes.get(lane);
    if (known === undefined) return;
    for (const seq of known.keys()) {
      if (seq <= throughSeq && known.delete(seq)) this.#records -= 1;
    }
    if (known.size === 0) this.#lanes.delete(lane);
  }

  #undoneIn({ lane, firstSeq, lastSeq }: LaneFrame): readonly UndoneRange[] {
    const ranges = this.#undone.of(lane) ?? [];
    return ranges.filter(({ from, to }) => from <= lastSeq && to >= firstSeq);
  }

  #add(lane: string, seq: number, indexes: readonly number[]): void {
    if (this.#records >= RECORDS_MAX) this.#forgetOldest();
    const known = this.#lanes.get(lane) ?? new Map<number, ReadonlySet<number>>();
    this.#lanes.set(lane, known);
    const before = known.get(seq);
    if (before === undefined) this.#records += 1;
    known.set(seq, new Set([...(before ?? []), ...indexes]));
  }

  #forgetOldest(): void {
    for (const [lane, known] of this.#lanes) {
      for (const seq of known.keys()) {
        known.delete(seq);
        this.#records -= 1;
        if (known.size === 0) this.#lanes.delete(lane);
        return;
      }
    }
  }
}

export type LeftOut = ReadonlyMap<number, ReadonlySet<number>>;

/** The place that a line had in its record before others were left out. */
export function originalIndex(left: ReadonlySet<number> | undefined, index: number): number {
  let original = index;
  for (const out of [...(left ?? [])].toSorted((a, b) => a - b)) if (out <= original) original += 1;
  return original;
}

function cut(body: Buffer, isOut: (seq: number, index: number) => boolean): Buffer {
  const parts: Buffer[] = [];
  let kept = 0;
  for (const record of readRecords(body)) {
    let at = record.start;
    for (let index = 0; at < record.end; index += 1) {
      const end = body.indexOf(NEWLINE, at) + 1;
      if (record.transport !== 'log' && isOut(record.seq, index)) {
        parts.push(body.subarray(kept, at));
        kept = end;
      }
      at = end;
    }
  }
  parts.push(body.subarray(kept));
  return Buffer.concat(parts);
}

const NEWLINE = 0x0a;
