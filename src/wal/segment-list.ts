import type { Position } from '../record/position.ts';
import type { RingFrame } from './frame-ring.ts';
import type { Segment } from './log-files.ts';
import { type ClockLeap, expiredSegments } from './retention.ts';
import { removeSegment, type SpaceLimits, spaceRefusal } from './space.ts';

export interface SegmentListOptions extends SpaceLimits {
  readonly directory: string;
  /** What earlier runs left, in log order. */
  readonly segments: readonly Segment[];
  readonly retentionMs: number;
  /** A file that all followers had passed was removed. */
  readonly onExpired: (segment: Segment) => void;
  /** Expired files can't be removed, or can again. Called once a change. */
  readonly onHindered: (reason: string | undefined) => void;
}

/** The files of the log that this process writes, in log order, the space that they take, and how long they stay. */
export class SegmentList {
  readonly #options: SegmentListOptions;
  #segments: Segment[];
  /** Seen by this process, and of lanes that are still here. */
  #leaps: readonly ClockLeap[] = [];
  #hindrance: string | undefined;

  constructor(options: SegmentListOptions) {
    this.#options = options;
    this.#segments = [...options.segments];
  }

  /** The last one is being written. */
  get all(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** A new file is in place and durable: it is written from now on. */
  add(segment: Segment): void {
    this.#segments.push(segment);
  }

  /** The last file has got the frame. */
  grow({ lastSeq, bytes }: RingFrame): void {
    const last = this.#segments.at(-1);
    if (last === undefined) return;
    const grown = { ...last, lastSeq, bytes: last.bytes + bytes.length };
    this.#segments[this.#segments.length - 1] = grown;
  }

  /** Why there is no room for more; undefined: there is. */
  async refusal(): Promise<string | undefined> {
    return spaceRefusal(this.#options.directory, this.bytes, this.#options);
  }

  /** The wall clock leapt: how old files are does not go by that. */
  noteLeap(leap: ClockLeap): void {
    this.#leaps = [...this.#leaps, leap];
  }

  /** Removes the oldest ones, as far as they may go; `now`: epoch ms. Never rejects: what can't be removed is tried again at the next call. */
  async expire(passed: Position | undefined, now: number): Promise<void> {
    const { retentionMs, bytesMax, onExpired, onHindered } = this.#options;
    const { bytes } = this;
    const segments = this.#segments;
    const leaps = this.#leaps;
    const expired = expiredSegments({ segments, now, leaps, retentionMs, passed, bytes, bytesMax });
    let hindrance: string | undefined;
    for (const segment of expired) {
      if ((hindrance = await removeSegment(segment)) !== undefined) break;
      this.#segments = this.#segments.filter((kept) => kept !== segment);
      onExpired(segment);
    }
    const oldest = this.#segments[0]?.ordinal ?? 0;
    this.#leaps = this.#leaps.filter(({ ordinal }) => ordinal > oldest);
    if (hindrance === this.#hindrance) return;
    this.#hindrance = hindrance;
    onHindered(hindrance);
  }
}
