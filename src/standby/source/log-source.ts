import { comparePositions, type Position } from '../../record/position.ts';
import type { Fork } from '../../record/fork.ts';
import { forksIn } from '../../record/lane-control.ts';
import { type LaneFrame, receiveTimesOf } from '../../record/lane-frame.ts';
import { WalError } from '../../runtime/errors.ts';
import { endOf, type FrameRead, LogReader } from '../../wal/log-reader.ts';
import type { PublishedLog } from '../../wal/published-log.ts';
import { lacking, type Place } from '../place.ts';
import { type SeenLane, SeenLanes } from './seen-lanes.ts';
import type { SourceRead, StandbySource } from './standby-source.ts';

/** The log of a data directory, while some process writes it or while none does. Its lanes follow each other. */
export class LogSource implements StandbySource {
  readonly #log: PublishedLog;
  readonly #reader: LogReader;
  #place: Place | undefined;
  #after: Position | undefined;
  /** What is said to be undone was looked for up to here, ahead of what was read. */
  readonly #aheadReader: LogReader;
  #aheadAfter: Position | undefined;
  /** Of what was read last; epoch ms. */
  #readToMs = -Infinity;
  readonly #seen = new SeenLanes();

  constructor(log: PublishedLog) {
    this.#log = log;
    this.#reader = new LogReader(log);
    this.#aheadReader = new LogReader(log);
  }

  heldSinceMs = undefined;

  get lanes(): ReadonlyMap<string, SeenLane> {
    return this.#seen.all;
  }

  isPrimary(origin: string): boolean {
    return this.#seen.isPrimary(origin);
  }

  get unread(): number {
    const after = this.#after;
    let records = 0;
    for (const { ordinal, firstSeq, lastSeq } of this.#log.segments) {
      if (after === undefined || ordinal > after.ordinal) records += lastSeq - firstSeq + 1;
      else if (ordinal === after.ordinal)
        records += Math.max(0, lastSeq - Math.max(firstSeq - 1, after.seq));
    }
    return records;
  }

  /** A log that nobody writes is complete as it is. */
  completeToMs(nowMs: number): number {
    if (this.unread > 0 || this.#log.holder !== undefined) return this.#readToMs - 1;
    return nowMs;
  }

  async next(): Promise<SourceRead | undefined> {
    for (;;) {
      let read = await this.#reader.next(this.#after);
      if (read === undefined) {
        await this.#log.refresh();
        read = await this.#reader.next(this.#after);
      }
      if (read === undefined) return undefined;
      if (read.kind === 'hole') {
        this.#after = read.to;
        const { lane, ordinal } = read.to;
        // What a lane lacks at its end is told with the next one's first file.
        return {
          kind: 'hole',
          hole: read.hole,
          ordinal: read.hole.lane === lane ? ordinal : ordinal - 1,
        };
      }
      const frame = copyOf(read);
      this.#after = endOf(read);
      this.#seen.note(frame);
      this.#readToMs = frame.lastReceivedAt;
      const wanted = this.#place === undefined ? frame : lacking(frame, this.#place);
      if (wanted !== undefined) return { kind: 'frame', frame: wanted };
    }
  }

  async forksAhead(signal: AbortSignal): Promise<readonly Fork[]> {
    await this.#log.refresh();
    const forks: Fork[] = [];
    let after = laterOf(this.#after, this.#aheadAfter);
    while (!signal.aborted) {
      const read = await this.#aheadReader.next(after);
      if (read === undefined) break;
      if (read.kind === 'frame') {
        this.#seen.note({ ...read, ...receiveTimesOf(read.body) });
        forks.push(...forksIn(read));
      }
      after = endOf(read);
    }
    this.#aheadAfter = after;
    return forks;
  }

  async isSaidBy({ id, at }: Fork, byMs: number, signal: AbortSignal): Promise<boolean> {
    const { segments } = this.#log;
    const reader = new LogReader(this.#log);
    const first = segments.findLast(({ createdAt }) => createdAt <= at);
    let after = first && { lane: first.lane, ordinal: first.ordinal, seq: first.firstSeq - 1 };
    try {
      while (!signal.aborted) {
        const read = await reader.next(after);
        if (read === undefined) break;
        after = endOf(read);
        if (read.kind === 'hole') continue;
        if (forksIn(read).some((one) => one.id === id && one.receivedAt <= byMs)) return true;
        if (receiveTimesOf(read.body).lastReceivedAt > byMs) break;
      }
    } finally {
      await reader.close();
    }
    return false;
  }

  /** Throws WAL_ROLLED_BACK or DATA_UNUSABLE when this log is not the one that the place is from. */
  async seek(place: Place): Promise<void> {
    await this.#log.refresh();
    let after: Position | undefined;
    for (const [lane, { ordinal, seq }] of place.lanes) {
      const position = { lane, ordinal, seq };
      if (after === undefined || comparePositions(after, position) < 0) after = position;
    }
    if (after !== undefined) assertIsOf(this.#log, after);
    this.#place = place;
    this.#after = after;
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.#aheadReader.close();
  }
}

function laterOf(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return comparePositions(a, b) < 0 ? b : a;
}

function copyOf({ lane, ordinal, firstSeq, lastSeq, body }: FrameRead): LaneFrame {
  return {
    lane,
    ordinal,
    firstSeq,
    lastSeq,
    body: Buffer.from(body),
    ...receiveTimesOf(body),
  };
}

function assertIsOf({ segments, durable }: PublishedLog, { lane, ordinal, seq }: Position): void {
  const other = segments.find((segment) => segment.ordinal === ordinal && segment.lane !== lane);
  if (other !== undefined) {
    throw new WalError(
      'DATA_UNUSABLE',
      `the standby has followed lane ${lane}, and this log has ${other.lane} in its place`,
      {
        hint: 'Name the data directory that it followed before, or begin with another --state and an empty target.',
      },
    );
  }
  if (comparePositions({ lane, ordinal, seq }, durable) <= 0) return;
  throw new WalError(
    'WAL_ROLLED_BACK',
    `the standby has ${lane}/${seq}, and the log ends with ${durable.lane}/${durable.seq}`,
    { hint: 'The data directory was put back from an older copy: put back the newer one.' },
  );
}
