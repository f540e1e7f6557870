import type { LaneFrame } from '../../record/lane-frame.ts';
import type { Fork } from '../../record/fork.ts';
import type { Hole } from '../../record/control.ts';
import type { Place } from '../place.ts';
import type { SeenLane } from './seen-lanes.ts';

export type SourceRead =
  | { readonly kind: 'frame'; readonly frame: LaneFrame }
  /** Records that will never come. */
  | { readonly kind: 'hole'; readonly ordinal: number; readonly hole: Hole }
  /** What is undone, where no frame tells it. It may be told again. */
  | { readonly kind: 'fork'; readonly fork: Fork }
  /**
   * Something came so late that what was given must be applied again, after it: what follows is all that `place` lacks. `missing`: of the
   * holes that were given only what touches these is one still; undefined when nothing is known of that.
   */
  | {
      readonly kind: 'again';
      readonly place: Place;
      readonly reason: string;
      readonly missing?: readonly Hole[];
    };

/** The records of all lanes, in the order in which they were received, as far as one machine can tell that of another. */
export interface StandbySource {
  /** What comes next; undefined when there is nothing yet. Rejects when it can't be read, and may be asked again. */
  next(): Promise<SourceRead | undefined>;

  /**
   * What is said to be undone after what was given, up to the end of what is there now; of all that was looked at before nothing. Nothing is given
   * thereby. Rejects when it can't be read, and may be asked again; not all is told once the signal aborts.
   */
  forksAhead(signal: AbortSignal): Promise<readonly Fork[]>;

  /** Whether it has a record received by then, epoch ms, that tells the fork. Rejects when it can't be read. */
  isSaidBy(fork: Fork, byMs: number, signal: AbortSignal): Promise<boolean>;

  /** What comes next is all that `place` lacks, from its oldest on. */
  seek(place: Place): Promise<void>;

  /** The lanes that were met so far, also by `forksAhead`: not more than 1,000. */
  readonly lanes: ReadonlyMap<string, SeenLane>;

  /** Whether proxies say that they feed it since the latest promotion, as far as was looked at. */
  isPrimary(origin: string): boolean;

  /** Records that are known to be there, and were not given yet. */
  readonly unread: number;

  /** Everything received up to then was given, of all that is there by now, or never will be; epoch ms. */
  completeToMs(nowMs: number): number;

  /** Receive time, epoch ms, of the oldest record that is held back until its lane has caught up. */
  readonly heldSinceMs: number | undefined;

  close(): Promise<void>;
}
