import { parseControl } from '../../record/control.ts';
import type { LoggedFork } from '../../record/fork.ts';
import { forkOf } from '../../record/lane-control.ts';

/** What the records of a segment come to, as they are taken. */
export interface SegmentFacts {
  readonly firstSeq: number;
  /** One less than `firstSeq` until the first record is taken. */
  lastSeq: number;
  /** Receive times of the first and the last record, epoch ms. */
  firstMs: number;
  lastMs: number;
  records: number;
  rows: number;
  points: number;
  /** Outcome rows. */
  refused: number;
  bypasses: number;
  /** What it says to be undone. */
  forks: readonly LoggedFork[];
  /** Of the last tick that says so. */
  confirmed: string | null;
  /** Least and greatest data time of the points, epoch ms. */
  instantMin: number;
  instantMax: number;
  /** A segment, or its lane, ends with the last record. */
  isEnd: boolean;
}

export function emptyFacts(firstSeq: number): SegmentFacts {
  return {
    firstSeq,
    lastSeq: firstSeq - 1,
    firstMs: 0,
    lastMs: 0,
    records: 0,
    rows: 0,
    points: 0,
    refused: 0,
    bypasses: 0,
    forks: [],
    confirmed: null,
    instantMin: Infinity,
    instantMax: -Infinity,
    isEnd: false,
  };
}

const SECONDS_MAX = 0xffff_ffff;

/** The row of a point: `timestamp` is in seconds, or in milliseconds when those can't hold it. */
export function countPoint(facts: SegmentFacts, timestamp: number): void {
  const instant = timestamp > SECONDS_MAX ? timestamp : timestamp * 1_000;
  if (instant < facts.instantMin) facts.instantMin = instant;
  if (instant > facts.instantMax) facts.instantMax = instant;
  facts.rows += 1;
  facts.points += 1;
}

/** What a control line says, of the record that was taken last; its row, if it has one, is counted apart. Throws on one that no writer writes. */
export function countControl(facts: SegmentFacts, line: string): void {
  const control = parseControl(line);
  switch (control?.kind) {
    case 'tick':
      facts.confirmed = control.confirmed ?? facts.confirmed;
      break;
    case 'cut':
    case 'close':
      facts.isEnd = true;
      break;
    case 'outcome':
      facts.refused += 1;
      break;
    case 'bypass':
      facts.bypasses += 1;
      break;
    case 'fork': {
      const fork = forkOf(line);
      if (fork !== undefined) facts.forks = [...facts.forks, { ...fork, receivedAt: facts.lastMs }];
      break;
    }
    case 'open':
    case undefined:
      break;
  }
}
