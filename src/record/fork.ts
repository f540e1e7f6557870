import { fieldsOf } from './fields.ts';

/** Consecutive records of a lane, both ends included. */
export interface UndoneRange {
  readonly lane: string;
  readonly from: number;
  readonly to: number;
}

/**
 * By which the log says that it went on from an earlier moment: an OpenTSDB that holds what was received up to `at`, and nothing after, became the
 * primary. What these ranges wrote is undone from the record on that says so: what is restored to later times, or follows, does without. All lanes
 * of a promotion say the same, by one `id`.
 */
export interface Fork {
  /** 16 hex digits. */
  readonly id: string;
  /** Receive time, epoch ms. */
  readonly at: number;
  readonly undone: readonly UndoneRange[];
}

/** As one lane says it. */
export interface LoggedFork extends Fork {
  /** Of the record that says it, epoch ms. */
  readonly receivedAt: number;
}

/** With these a fork fits into one record, however many proxies there are. */
const UNDONE_RANGES_MAX = 2_000;

/** Reads back what was written as JSON; undefined for anything else. */
export function parseFork(value: unknown): Fork | undefined {
  const { id, at, undone } = fieldsOf(value);
  if (typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id)) return undefined;
  if (!isCount(at) || !Array.isArray(undone) || undone.length > UNDONE_RANGES_MAX) return undefined;
  const ranges: UndoneRange[] = [];
  for (const one of undone as readonly unknown[]) {
    const { lane, from, to } = fieldsOf(one);
    if (typeof lane !== 'string' || !/^[0-9a-f]{16}$/.test(lane)) return undefined;
    if (!isCount(from) || !isCount(to) || from > to) return undefined;
    ranges.push({ lane, from, to });
  }
  return { id, at, undone: ranges };
}

/** What forks have undone, to be asked record by record. */
export class Undone {
  readonly #ids = new Set<string>();
  readonly #lanes = new Map<string, UndoneRange[]>();

  constructor(forks: Iterable<Fork> = []) {
    for (const fork of forks) this.add(fork);
  }

  /** Whether it is known. */
  knows({ id }: Pick<Fork, 'id'>): boolean {
    return this.#ids.has(id);
  }

  add(fork: Fork): void {
    this.#ids.add(fork.id);
    for (const range of fork.undone) {
      const ranges = this.#lanes.get(range.lane);
      if (ranges === undefined) this.#lanes.set(range.lane, [range]);
      else ranges.push(range);
    }
  }

  /** Of one lane; undefined where nothing is undone. */
  of(lane: string): readonly UndoneRange[] | undefined {
    return this.#lanes.get(lane);
  }

  has(lane: string, seq: number): boolean {
    return isUndone(this.#lanes.get(lane), seq);
  }
}

/** Each as it was said first, in that order. */
export function firstOfEach(forks: readonly LoggedFork[]): LoggedFork[] {
  const first = new Map<string, LoggedFork>();
  for (const fork of forks.toSorted((a, b) => a.receivedAt - b.receivedAt)) {
    if (!first.has(fork.id)) first.set(fork.id, fork);
  }
  return [...first.values()];
}

export function recordsIn(ranges: readonly UndoneRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

export function isUndone(ranges: readonly UndoneRange[] | undefined, seq: number): boolean {
  return ranges !== undefined && ranges.some(({ from, to }) => from <= seq && seq <= to);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
