/** Consecutive records of a lane, both ends included. */
export interface SequenceRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Records of one lane, as few ranges. What is added comes mostly after what is there. */
export class SequenceSet {
  /** In order, with something between any two. */
  #ranges: SequenceRange[] = [];

  constructor(ranges: Iterable<SequenceRange> = []) {
    for (const range of ranges) this.add(range);
  }

  get ranges(): readonly SequenceRange[] {
    return this.#ranges;
  }

  add({ firstSeq, lastSeq }: SequenceRange): void {
    if (firstSeq > lastSeq) return;
    const last = this.#ranges.at(-1);
    if (last !== undefined && firstSeq >= last.firstSeq && firstSeq <= last.lastSeq + 1) {
      const end = Math.max(last.lastSeq, lastSeq);
      this.#ranges[this.#ranges.length - 1] = { firstSeq: last.firstSeq, lastSeq: end };
      return;
    }
    const touching = this.#ranges.filter((one) => isNextTo(one, { firstSeq, lastSeq }));
    const apart = this.#ranges.filter((one) => !isNextTo(one, { firstSeq, lastSeq }));
    const united = {
      firstSeq: touching.reduce((min, one) => Math.min(min, one.firstSeq), firstSeq),
      lastSeq: touching.reduce((max, one) => Math.max(max, one.lastSeq), lastSeq),
    };
    this.#ranges = [...apart, united].toSorted((a, b) => a.firstSeq - b.firstSeq);
  }

  /** What of a range is not in the set, in order. */
  without({ firstSeq, lastSeq }: SequenceRange): SequenceRange[] {
    const rest: SequenceRange[] = [];
    let next = firstSeq;
    for (const range of this.#ranges) {
      if (range.firstSeq > lastSeq) break;
      if (range.lastSeq < next) continue;
      if (range.firstSeq > next) rest.push({ firstSeq: next, lastSeq: range.firstSeq - 1 });
      next = range.lastSeq + 1;
    }
    if (next <= lastSeq) rest.push({ firstSeq: next, lastSeq });
    return rest;
  }
}

function isNextTo(a: SequenceRange, b: SequenceRange): boolean {
  return a.firstSeq <= b.lastSeq + 1 && b.firstSeq <= a.lastSeq + 1;
}
