import type { Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Applier, Fault } from './applier.ts';
import type { ChunkSource } from './chunk-reader.ts';
import type { Doubt } from '../prove/doubt.ts';
import type { PastLog } from '../rewrites/past-hours.ts';
import type { RefusedPoint } from './logged-point.ts';
import type { LookThrough } from '../others/look-through.ts';
import type { SentBodies } from './sent-bodies.ts';
import type { Suspect } from './suspects.ts';

export interface DeliveryEvents {
  /** Every record up to `last` was handled; these points of theirs were refused. Returns those whose clients were told otherwise before. */
  delivered(last: Position | undefined, refused: readonly RefusedPoint[]): readonly RefusedPoint[];
  /** These are refused for good. Resolves when that is durable; when it rejects, it is called again later. */
  rejected(suspects: readonly Suspect[]): Promise<void>;
  /** Delivery has reached the end of the log. */
  caughtUp(): void;
  /** A point was sent once more, because it may have tied with another of its instant. */
  mended(points: number): void;
  /** Points are let go of that may show what was there before: the TSD was not done with that, or compacted after each put of them where hours are over. */
  unsettled(points: number): void;
  /** Points of other lanes were put, since they are later than what was put to their instants. */
  gaveWay(points: number): void;
  /** A batch was answered. */
  answered(points: number, durationMs: number): void;
}

export interface DeliveryOptions {
  readonly reader: ChunkSource;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly doubt: Doubt;
  readonly events: DeliveryEvents;
  /** The end of the durable log. */
  readonly end: () => Position;
  /** Bodies of the newest records, as they were sent. */
  readonly sentBodies?: SentBodies | undefined;
  readonly pointsMax: number;
  readonly bytesMax: number;
  /** Whether the log has no more than one write of any instant, as a folded state has. */
  readonly isFolded?: boolean;
  /** Where it can be read what the log had before it is delivered from here. */
  readonly past?: PastLog | undefined;
  /** Whether what comes next is read while an HTTP batch is under way, instead of gathering until it can be sent. */
  readonly readsAhead: boolean;
  /** A batch answered later than this shows a primary that answers should not wait for. */
  readonly promptMs: number;
  /** Where other lanes write to the same OpenTSDB. */
  readonly look?: LookThrough | undefined;
  /** How long the TSD may hold writes before it flushes them, and a margin. */
  readonly flushSpanMs: () => number;
}

export interface DeliveryFault {
  readonly fault: Fault;
  readonly reason: string;
}
