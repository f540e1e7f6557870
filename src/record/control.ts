import type { UndoneRange } from './fork.ts';

/**
 * The log's own records: what happened to it and around it, in the same order as the data.
 * Each is one line `!<kind> <json>` in a record with transport `log`.
 */
export type Control =
  /** The first record of a lane: it closes the lane before. `holes` are the ranges found unreadable at this start. */
  | {
      readonly kind: 'open';
      readonly version: string;
      readonly previous: { readonly lane: string; readonly lastSeq: number } | null;
      readonly reason: 'start' | 'write failed' | 'clock leap';
      readonly holes: readonly Hole[];
      /** The wall clock's readings on both sides of a leap, epoch ms: receive times between them are disputed. */
      readonly disputed?: { readonly from: number; readonly to: number };
    }
  /** The lane has nothing more before this record's receive time. `confirmed`: what the primary surely stores. */
  | { readonly kind: 'tick'; readonly confirmed: string | null }
  /** A segment ends with this record. */
  | { readonly kind: 'cut' }
  /** What the primary refused: lines of one record, by their index from 0. */
  | {
      readonly kind: 'outcome';
      readonly lane: string;
      readonly seq: number;
      readonly refused: readonly { readonly index: number; readonly error: string }[];
    }
  /** A change that goes to the primary without being logged: no restore can cover it. */
  | {
      readonly kind: 'bypass';
      readonly method: string;
      readonly path: string;
      readonly source: string;
    }
  /** The log went on from an earlier moment: from here on these records are undone (fork.ts). */
  | {
      readonly kind: 'fork';
      readonly id: string;
      readonly at: number;
      readonly undone: readonly UndoneRange[];
    }
  /** The last record of a process that stopped in order. */
  | { readonly kind: 'close' };

/** What the primary refused of one record. */
export type Outcome = Extract<Control, { readonly kind: 'outcome' }>;

/** Records of a lane that can't be read back. `to` is the last one missing. */
export interface Hole {
  readonly lane: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export function formatControl(control: Control): string {
  const { kind, ...rest } = control;
  return `!${kind} ${JSON.stringify(rest)}`;
}

/** Reads back what `formatControl` made; kinds of a newer version come back as undefined. */
export function parseControl(line: string): Control | undefined {
  const space = line.indexOf(' ');
  const kind = line.slice(1, space);
  if (line[0] !== '!' || !KINDS.has(kind)) return undefined;
  return { kind, ...(JSON.parse(line.slice(space + 1)) as object) } as Control;
}

const KINDS: ReadonlySet<string> = new Set<Control['kind']>([
  'open',
  'tick',
  'cut',
  'outcome',
  'bypass',
  'fork',
  'close',
]);
