import type { Span } from '../format/object-names.ts';

type Times = Pick<Span, 'fromMs' | 'toMs'>;

/** Finds, among very many spans, those that touch a time. */
export class SpansByTime<T extends Times> {
  /** In the order of their beginnings. */
  readonly #spans: readonly T[];
  /** The latest end of all up to there. */
  readonly #ends: readonly number[];

  constructor(spans: readonly T[]) {
    this.#spans = spans.toSorted((a, b) => a.fromMs - b.fromMs);
    let end = -Infinity;
    this.#ends = this.#spans.map(({ toMs }) => (end = Math.max(end, toMs)));
  }

  /** Those that may hold something of `fromMs` to `toMs`, both included. */
  touching({ fromMs, toMs }: Times): T[] {
    const found: T[] = [];
    for (let index = this.#firstEnding(fromMs); index < this.#spans.length; index += 1) {
      const span = this.#spans[index];
      if (span === undefined || span.fromMs > toMs) break;
      if (span.toMs >= fromMs) found.push(span);
    }
    return found;
  }

  /** What is before it ends before the time. */
  #firstEnding(fromMs: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] ?? 0) >= fromMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
