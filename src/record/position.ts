/**
 * Where a record stands in the log: the lane (one run of one proxy process) and its sequence there.
 * Sequences start at 1 and have no gaps. Within one data directory lanes have an order, `ordinal`.
 */
export interface Position {
  readonly lane: string;
  /** The lane's number in this data directory: 1 for its first start, and one more for each lane after. */
  readonly ordinal: number;
  readonly seq: number;
}

/** Before everything. */
export const NOWHERE: Position = { lane: '', ordinal: 0, seq: 0 };

/** Negative when `a` stands before `b` in the log of one data directory, 0 when they are equal. */
export function comparePositions(a: Position, b: Position): number {
  return a.ordinal - b.ordinal || a.seq - b.seq;
}

/** The one that stands first; undefined when one of them does not stand anywhere yet. */
export function earlier(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return undefined;
  return comparePositions(a, b) < 0 ? a : b;
}

/** The last record that is neither after `position` nor at or after one of the open ones. */
export function lastBefore(
  position: Position | undefined,
  open: Iterable<Position | undefined>,
): Position | undefined {
  let last = position;
  for (const one of open) {
    if (one === undefined || last === undefined) continue;
    const previous = { ...one, seq: one.seq - 1 };
    if (comparePositions(previous, last) < 0) last = previous;
  }
  return last;
}

/** `lane/seq`, as shown to people and written to cursors and control records. */
export function formatPosition(position: Position): string {
  return `${position.lane}/${position.seq}`;
}

/** Up to which record of the lane with that ordinal a position is. */
export function seqIn(position: Position, ordinal: number): number {
  if (position.ordinal === ordinal) return position.seq;
  return position.ordinal > ordinal ? Infinity : 0;
}
