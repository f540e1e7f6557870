import { HOUR_MS, hourOf } from '../../opentsdb/row-hour.ts';
import { comparePositions, type Position, seqIn } from '../../record/position.ts';
import { Chunk } from '../deliver/chunk.ts';
import { type ChunkLimits, readFailure } from '../deliver/chunk-reader.ts';
import { SeriesClock } from './series-clock.ts';

const HOURS_MAX = 3;
/** Of an hour: twenty-four bytes each. */
const SERIES_MAX = 524_288;
/** So much earlier than the backlog may hours have begun. */
const REACH_MS = 2 * HOUR_MS;
/** What a client's clock may be ahead of ours. */
const AHEAD_MS = 60_000;
const READ_LIMITS = { lines: 20_000, bytes: 1_048_576 };
/** So long may delivery wait for the log to be read back, also in several tries: some 40 million points. */
const READ_MS_MAX = 20_000;

/** What the log has of earlier times. */
export interface PastLog {
  /** All that was received since then stands after it, as far as the log reaches back. `ms`: epoch. */
  before(ms: number): Position | undefined;
  /** As a ChunkSource fills it. */
  readInto(chunk: Chunk, after: Position, limits: ChunkLimits): Promise<void>;
  close(): Promise<void>;
  /** It isn't known what went to this hour before; `startMs`: epoch. */
  gaveUp(startMs: number, reason: string): void;
}

/** An hour of which all is known that the log has. */
export interface PastHour {
  /** The latest instant of each series in that hour. */
  readonly clock: SeriesClock;
  /** It was read up to this record; what came after was noted as it was delivered. */
  readTo: Position;
  /** Of lines up to here it is known whether they are rewrites. */
  judgedTo: Position;
}

/** A stretch of backlog that is delivered without going back. */
interface Stretch {
  /** Receive time of its first record, epoch ms. */
  readonly receivedMs: number;
  /** Instants before this were of hours that were over when it began, epoch ms. */
  readonly endedMs: number;
  readonly last: Position;
}

export interface BacklogChunk {
  readonly chunk: Chunk;
  /** After what record it was read. */
  readonly from: Position;
  /** Instants before this are of hours that are over, epoch ms. */
  readonly endedMs: number;
  readonly signal: AbortSignal;
}

/**
 * What the log has of hours that are over and that a backlog writes to, from before that backlog, or from when they lasted: it is read back
 * from the beginning of such an hour, once.
 */
export class PastHours {
  readonly #log: PastLog;
  readonly #noteWrite: (chunk: Chunk, line: number) => void;
  readonly #hours = new Map<number, PastHour>();
  /** These were known, and must be read again. */
  readonly #outdated = new Set<number>();
  readonly #givenUp = new Set<number>();
  /** In tries that came to no end. */
  #spentMs = 0;
  #stretch: Stretch | undefined;

  /** `noteWrite`: called for each line of such an hour, in the order of the log. */
  constructor(log: PastLog, noteWrite: (chunk: Chunk, line: number) => void) {
    this.#log = log;
    this.#noteWrite = noteWrite;
  }

  /** What is known of the hour that begins then, epoch ms; undefined where the log was not read. */
  of(startMs: number): PastHour | undefined {
    return this.#hours.get(startMs);
  }

  /** Reads what must be known for this part of a backlog. Resolves early when the signal aborts. */
  async prepare(backlog: BacklogChunk): Promise<void> {
    const { chunk, from, endedMs, signal } = backlog;
    const before = this.#stretch;
    const isNext = before !== undefined && comparePositions(before.last, from) === 0;
    const [receivedMs = 0] = chunk.times;
    const begun = isNext ? before : { receivedMs, endedMs };
    if (chunk.count > 0 || isNext) this.#stretch = { ...begun, last: chunk.last ?? from };
    for (const [startMs, { readTo }] of this.#hours) {
      // Either what came after is delivered again, or the wall clock was set back.
      if (comparePositions(from, readTo) >= 0 && startMs < endedMs) continue;
      this.#hours.delete(startMs);
      this.#outdated.add(startMs);
    }
    const lacking = this.#lacking(chunk, endedMs, begun);
    if (lacking.size > 0) await this.#read(lacking, from, signal);
  }

  /** Nothing was written to hours that are over for long. */
  clear(): void {
    this.#hours.clear();
  }

  /** Of the lines up to here it isn't known any more which are rewrites. */
  forget(last: Position): void {
    for (const hour of this.#hours.values()) hour.readTo = last;
  }

  /** These lines were looked at. */
  judged(last: Position): void {
    for (const hour of this.#hours.values())
      if (comparePositions(last, hour.judgedTo) > 0) hour.judgedTo = last;
  }

  /** Hours of which the log has more than was looked at since they are over. */
  #lacking(chunk: Chunk, endedMs: number, stretch: Omit<Stretch, 'last'>): ReadonlySet<number> {
    const found = new Set<number>();
    let lastMs: number | undefined;
    for (let line = 0; line < chunk.count; line += 1) {
      const instant = chunk.instants[line] ?? Infinity;
      if (instant >= endedMs || chunk.isBeaten[line] === 1) continue;
      const startMs = hourOf(instant);
      if (startMs === lastMs) continue;
      lastMs = startMs;
      const isEarlier = startMs < stretch.receivedMs && startMs >= stretch.receivedMs - REACH_MS;
      const isNew = startMs >= stretch.endedMs;
      const isKnown = this.#hours.has(startMs) || this.#givenUp.has(startMs);
      const isOutdated = this.#outdated.has(startMs);
      if ((isEarlier || isNew || isOutdated) && !isKnown) found.add(startMs);
    }
    return found;
  }

  /** Reads these hours in one pass, unless the signal aborts. */
  async #read(starts: ReadonlySet<number>, to: Position, signal: AbortSignal): Promise<void> {
    const hours = new Map<number, PastHour>();
    for (const startMs of starts)
      hours.set(startMs, { clock: new SeriesClock(SERIES_MAX), readTo: to, judgedTo: to });
    // What was delivered need not be readable any more.
    const failure = await this.#readInto(hours, to, signal).catch(readFailure);
    if (signal.aborted) return;
    this.#spentMs = 0;
    for (const [startMs, hour] of hours) {
      this.#outdated.delete(startMs);
      if (failure === undefined) this.#keep(startMs, hour);
      else this.#giveUp(startMs, failure);
    }
  }

  /** Resolves with why it was given up, if it was; or early when the signal aborts. Rejects when the log can't be read. */
  async #readInto(
    hours: ReadonlyMap<number, PastHour>,
    to: Position,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const chunk = new Chunk(READ_LIMITS.bytes, READ_LIMITS.lines);
    let place = this.#log.before(Math.min(...hours.keys()) - AHEAD_MS);
    try {
      while (place !== undefined && comparePositions(place, to) < 0 && !signal.aborted) {
        const begunMs = performance.now();
        chunk.clear();
        await this.#log.readInto(chunk, place, READ_LIMITS);
        this.#note(chunk, hours, to);
        place = chunk.last;
        this.#spentMs += performance.now() - begunMs;
        if (this.#spentMs > READ_MS_MAX) return 'to read the log back takes too long';
        if ([...hours.values()].some(({ clock }) => clock.isFull)) return 'too many series';
        // What is in memory is read without a pause.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return undefined;
    } finally {
      await this.#log.close();
    }
  }

  #note(chunk: Chunk, hours: ReadonlyMap<number, PastHour>, to: Position): void {
    const lastSeq = seqIn(to, chunk.last?.ordinal ?? 0);
    for (let line = 0; line < chunk.count; line += 1) {
      if ((chunk.seqs[line] ?? 0) > lastSeq) return;
      const instant = chunk.instants[line] ?? 0;
      const hour = hours.get(hourOf(instant));
      if (hour === undefined) continue;
      hour.clock.advance(chunk.seriesHigh[line] ?? 0, chunk.seriesLow[line] ?? 0, instant);
      this.#noteWrite(chunk, line);
    }
  }

  #keep(startMs: number, hour: PastHour): void {
    this.#hours.set(startMs, hour);
    const [oldest] = this.#hours.keys();
    if (this.#hours.size <= HOURS_MAX || oldest === undefined) return;
    this.#hours.delete(oldest);
    this.#giveUp(oldest, 'too many hours');
  }

  #giveUp(startMs: number, reason: string): void {
    this.#givenUp.add(startMs);
    this.#log.gaveUp(startMs, reason);
  }
}
