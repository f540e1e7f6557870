/**
 * The order in which writes of one instant through several proxies count, as restores and standbys have it: by receive time, then lane,
 * then sequence. A write of another lane is noted by one number that has all three, as seen from a lane of this proxy; one of its own
 * by its receive time. Two other lanes on the same side of it, within one millisecond, are not told apart.
 */

/** Records of one lane and millisecond that are told apart. */
const SEQS = 512;
/** What a double can tell apart at epoch milliseconds of this century. */
const STEP = 1 / 4_096;
const LATER = 0.25;
const EARLIER = -0.375;
/** Two of one lane and millisecond differ by less. */
const SIDE = SEQS * STEP;

interface WriteOfOthers {
  readonly lane: string;
  readonly seq: number;
  /** Epoch ms, whole. */
  readonly receivedAt: number;
}

/**
 * A number by which writes of other lanes sort as restores order them: the receive time, epoch ms, and less than half a millisecond more or less, by
 * the names of the lanes and the sequence. `own`: the lane whose writes it is compared with.
 */
export function orderOfOthers({ lane, seq, receivedAt }: WriteOfOthers, own: string): number {
  return receivedAt + (lane > own ? LATER : EARLIER) + (seq % SEQS) * STEP;
}

/** The receive time that such a number was made of, epoch ms. */
export function receivedAtOf(order: number): number {
  return Math.round(order);
}

export function isLaterWrite(order: number, before: number): boolean {
  const difference = order - before;
  const isWrapped = Math.abs(difference) < SIDE && Math.abs(difference) > SIDE / 2;
  return isWrapped ? difference < 0 : difference > 0;
}
