/** What `difference` events tell, and what is mended. */
export type DifferenceKind =
  /** The target lacks it. */
  | 'missing'
  /** The source lacks it. */
  | 'extra'
  | 'different'
  /** An integer in the one and a float in the other, of the same value. */
  | 'form'
  /** One of them answers no query for it. */
  | 'unreadable';

/** Points of one series and one hour that differ in the same way. */
export interface HourDifference {
  readonly kind: DifferenceKind;
  /** `unreadable`: which of them. */
  readonly side: 'source' | 'target' | null;
  readonly metric: string;
  /** Null when it can't be told which series of the metric it is. */
  readonly tags: Readonly<Record<string, string>> | null;
  /** Epoch ms of its beginning. */
  readonly hourMs: number;
  /** In the order of time; none for `unreadable`. */
  readonly points: readonly DifferentPoint[];
  /** What the TSD says; null where nothing is to be said. */
  readonly reason: string | null;
}

export interface DifferentPoint {
  /** Epoch ms. */
  readonly instantMs: number;
  /** As the queries show it; null: it isn't there. */
  readonly source: string | null;
  readonly target: string | null;
  /** False when the source may hold a long whose last digits the API doesn't show. */
  readonly isShownExactly: boolean;
}
