/** A data point as OpenTSDB echoes it in `?details`: values are strings, absent members are left out. */
export interface EchoedPoint {
  readonly metric?: string;
  /** A decimal number of any size up to a Java long, kept as text so that it is echoed exactly. */
  readonly timestamp: string;
  readonly value?: string;
  readonly tags?: Readonly<Record<string, string | null>>;
}

/** One point of a request that OpenTSDB's rules refuse. */
export interface PointFailure {
  /** Its place among the points of the request, from 0. */
  readonly index: number;
  /** null echoes a null element. */
  readonly datapoint: EchoedPoint | null;
  /** OpenTSDB's own words, as in `errors[].error`. */
  readonly error: string;
}

/** What became of a body of `POST /api/put`. */
export type PutBodyResult =
  /** The request could be read: `accepted` lines were appended, the rest failed, in input order. */
  | {
      readonly kind: 'points';
      readonly accepted: number;
      readonly failures: readonly PointFailure[];
      /** For line i of those appended: its index among the points of the request. Undefined when no point failed (then i itself). */
      readonly inputIndexes: readonly number[] | undefined;
      /** The part of the body with the points, when all were plain: JSON objects with commas between. */
      readonly plain?: { readonly start: number; readonly end: number };
    }
  /** The whole request is refused, nothing was appended. */
  | {
      readonly kind: 'refused';
      readonly status: 400 | 413 | 500;
      readonly message: string;
      readonly details?: string;
    };
