import type { Span } from '../format/object-names.ts';

/** What the spans of one lane cover together. */
export interface LaneSpans<T extends Span = Span> {
  /** In order, apart from each other. */
  readonly covered: readonly Span[];
  readonly conflicts: readonly SpanConflict<T>[];
}

/**
 * Two spans of a lane that can't both be right. Everyone cuts a lane at the same records, so spans of it are apart
 * or one lies in the other, and records have one receive time.
 */
export interface SpanConflict<T extends Span = Span> {
  readonly spans: readonly [T, T];
  readonly reason: 'they overlap in part' | 'their times disagree';
}

/** Puts the spans of one lane together, given in any order: what they cover, and which of them contradict each other. */
export function uniteSpans<T extends Span>(spans: readonly T[]): LaneSpans<T> {
  const sorted = spans.toSorted((a, b) => a.firstSeq - b.firstSeq || b.lastSeq - a.lastSeq);
  const covered: Span[] = [];
  const conflicts: SpanConflict<T>[] = [];
  /** Spans that hold the one looked at, the smallest last. */
  const around: T[] = [];
  for (const span of sorted) {
    while ((around.at(-1)?.lastSeq ?? Infinity) < span.firstSeq) around.pop();
    const outer = around.at(-1);
    const reason = outer && disagreement(outer, span);
    if (outer !== undefined && reason !== undefined)
      conflicts.push({ spans: [outer, span], reason });
    around.push(span);
    extend(covered, span);
  }
  return { covered, conflicts };
}

/** Those that lie in no other: what the others hold is in them, and nothing is in two. In order. */
export function outermost<T extends Span>(spans: readonly T[]): T[] {
  const sorted = spans.toSorted((a, b) => a.firstSeq - b.firstSeq || b.lastSeq - a.lastSeq);
  const outer: T[] = [];
  for (const span of sorted) {
    if (span.lastSeq > (outer.at(-1)?.lastSeq ?? -1)) outer.push(span);
  }
  return outer;
}

/** Whether all that the one says is said by the other. */
export function liesIn(inner: Span, outer: Span): boolean {
  return (
    outer.firstSeq <= inner.firstSeq &&
    inner.firstSeq <= outer.lastSeq &&
    disagreement(outer, inner) === undefined
  );
}

/** Of a span, and one that begins in it. */
function disagreement(outer: Span, inner: Span): SpanConflict['reason'] | undefined {
  if (inner.lastSeq > outer.lastSeq) return 'they overlap in part';
  if (inner.fromMs < outer.fromMs || inner.toMs > outer.toMs) return 'their times disagree';
  const isSameStart = inner.firstSeq === outer.firstSeq;
  const isSameEnd = inner.lastSeq === outer.lastSeq;
  return (isSameStart && inner.fromMs !== outer.fromMs) || (isSameEnd && inner.toMs !== outer.toMs)
    ? 'their times disagree'
    : undefined;
}

/** Where times disagree, the earlier end is taken: it claims less. */
function extend(covered: Span[], span: Span): void {
  const last = covered.at(-1);
  if (last === undefined || span.firstSeq > last.lastSeq + 1) {
    const { firstSeq, lastSeq, fromMs, toMs } = span;
    covered.push({ firstSeq, lastSeq, fromMs, toMs });
    return;
  }
  if (span.lastSeq < last.lastSeq) return;
  const { firstSeq, fromMs } = last;
  const toMs = span.lastSeq === last.lastSeq ? Math.min(span.toMs, last.toMs) : span.toMs;
  covered[covered.length - 1] = { firstSeq, lastSeq: span.lastSeq, fromMs, toMs };
}
