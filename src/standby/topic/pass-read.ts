import type { LaneQueue } from './lane-queue.ts';
import type { SourceRead } from '../source/standby-source.ts';

export type PassRead =
  | Exclude<SourceRead, { kind: 'again' | 'fork' }>
  /** What is missing of a lane may be before what is read: read from that time on. */
  | { readonly kind: 'rewind'; readonly startMs: number }
  /** These lanes came late, and have caught up: all since then is to be given again with them. */
  | { readonly kind: 'late'; readonly lanes: readonly LaneQueue[] }
  /** What follows a lane's place is gone. */
  | { readonly kind: 'lost'; readonly lane: string; readonly seq: number; readonly atMs: number };
