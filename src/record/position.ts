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

/** Negative when `a` stands before `b` in the log of one data directory, 0 when they are equal. */
export function comparePositions(a: Position, b: Position): number {
  return a.ordinal - b.ordinal || a.seq - b.seq;
}

/** `lane/seq`, as shown to people and written to cursors and control records. */
export function formatPosition(position: Position): string {
  return `${position.lane}/${position.seq}`;
}
