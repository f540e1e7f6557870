import type { Control } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { RECORD_BYTES_MAX } from '../record/frame.ts';
import type { RefusedPoint } from '../follow/delivery-options.ts';
import type { SentBodies } from '../follow/sent-bodies.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Wal } from '../wal/log.ts';
import { KnownRefusals } from './known-refusals.ts';
import { outcomeRecords, type RefusedLine } from './outcome-records.ts';
import type { Refusal, Submission, WriteOutcome, WritePath } from './write-path.ts';

export interface DurableWritePathOptions {
  readonly wal: Wal;
  readonly clock: Clock;
  /** Whether answers wait for the primary, too, while it is live. */
  readonly ack: 'all' | 'wal';
  readonly ackTimeoutMs: number;
  /** Whether the primary is keeping up. */
  readonly isLive: () => boolean;
  /** The primary took too long for an answer to wait. */
  readonly onSlow: () => void;
  /** Where delivery finds what was sent. */
  readonly sentBodies?: SentBodies;
  /** Kafka, when answers wait for it, too. */
  readonly kafka?: Awaited;
}

/** A follower that answers wait for while it keeps up. */
export interface Awaited {
  readonly isLive: () => boolean;
  readonly ackTimeoutMs: number;
  /** It took too long for an answer to wait. */
  readonly onSlow: () => void;
}

interface Ticket {
  /** The log's own record: the primary has no part in it. */
  readonly isControl: boolean;
  readonly first: Position;
  readonly last: Position;
  readonly submittedMs: number;
  readonly refusals: Refusal[];
  /** Lines of the submission before each of its records. */
  readonly linesBefore: readonly number[];
  readonly settle: (outcome: WriteOutcome) => void;
  /** Followers that it waits for. */
  waits: number;
}

const NEWLINE = 0x0a;
/** A primary that handled nothing for so long is not waited for when much waits for it. */
const STALLED_MS = 300;
/** More requests that wait for proof are answered as if it had not come in time. */
const STORING_MAX = 10_000;

/**
 * The way of a write, and the order in which it is safe:
 *
 * 1. `submit` puts the lines into the log's open frame, in call order. Nothing is durable yet.
 * 2. The log writes the frame and syncs it; `durable` is called. From here on the write survives anything
 *    that leaves the disk alone, and followers may see it: nothing reaches the primary that isn't in the log.
 * 3. While the primary keeps up, the answer waits until it has handled the write, so that a refusal only
 *    the primary can know reaches the client as an error. The refusal is an outcome record, durable before
 *    that answer: a restore then leaves the point out, as the primary did.
 *    Kafka, when there is one, is waited for at the same time and in the same way.
 * 4. While one of them doesn't keep up, or the answer has waited too long, the answer is given on the log alone.
 *
 * A crash before 2: the client has no answer, and the write is gone or, at worst, there. Between 2 and the
 * answer: the write is there and will be delivered; the client may send it again, which changes nothing.
 * After the answer: it is there. A write the log could not sync is answered as not taken, and readers of
 * the log never see it.
 */
export class DurableWritePath implements WritePath {
  readonly #options: DurableWritePathOptions;
  /** Not durable yet, in log order. */
  readonly #logging: Ticket[] = [];
  /** Durable, waiting for the primary, in log order. */
  readonly #delivering: Ticket[] = [];
  /** Durable, waiting for Kafka, in log order. */
  readonly #replicating: Ticket[] = [];
  /** Waiting for proof that they are stored. */
  readonly #storing = new Set<{ readonly position: Position; readonly settle: () => void }>();
  readonly #known = new KnownRefusals();
  #stored: Position | undefined;
  /** When the primary last handled something, or was first waited for. */
  #progressMs = 0;
  /** Whether much has waited for its answer since. */
  #isPressed = false;

  constructor(options: DurableWritePathOptions) {
    this.#options = options;
  }

  async submit(submission: Submission): Promise<WriteOutcome> {
    const { wal, clock } = this.#options;
    const records = splitLines(submission.lines, submission.count);
    if (records === undefined) return { kind: 'too large', reason: 'A point is too long' };
    if (submission.lines.length > wal.linesBytesMax) {
      return { kind: 'too large', reason: 'The points are too many for one request' };
    }
    const positions: Position[] = [];
    const linesBefore: number[] = [];
    let lines = 0;
    for (const record of records) {
      const position = wal.append(
        submission.transport,
        submission.source,
        record.lines,
        record.count,
      );
      if (position === undefined) break;
      positions.push(position);
      linesBefore.push(lines);
      lines += record.count;
    }
    const [first] = positions;
    const last = positions.at(-1);
    if (first === undefined || last === undefined || positions.length < records.length) {
      // What was logged of a request that didn't fit whole stays logged, unacknowledged: a repeat changes nothing.
      return { kind: 'unavailable', reason: wal.refusal ?? 'the log is behind' };
    }
    if (submission.sent !== undefined && records.length === 1) {
      this.#options.sentBodies?.keep(first, { points: submission.count, bytes: submission.sent });
    }
    return new Promise((settle) => {
      const submittedMs = clock.monotonicMs();
      this.#logging.push({
        isControl: false,
        first,
        last,
        submittedMs,
        refusals: [],
        linesBefore,
        settle,
        waits: 0,
      });
    });
  }

  async awaitStored(position: Position, timeoutMs: number): Promise<'stored' | 'timeout'> {
    if (this.#stored !== undefined && comparePositions(position, this.#stored) <= 0)
      return 'stored';
    if (this.#storing.size >= STORING_MAX) return 'timeout';
    return new Promise((resolve) => {
      const waiting = { position, settle: () => finish('stored') };
      const timer = timeoutMs > 0 ? setTimeout(() => finish('timeout'), timeoutMs) : undefined;
      // A process that is otherwise done need not wait for it.
      timer?.unref();
      const finish = (result: 'stored' | 'timeout'): void => {
        clearTimeout(timer);
        this.#storing.delete(waiting);
        resolve(result);
      };
      this.#storing.add(waiting);
    });
  }

  /** The log is durable up to `position`. */
  durable(position: Position): void {
    const { ack, isLive, clock, kafka } = this.#options;
    if (this.#delivering.length === 0) this.#progressMs = clock.monotonicMs();
    for (const ticket of takeUpTo(this.#logging, position)) {
      const queues = [];
      if (ack === 'all' && !ticket.isControl && isLive()) queues.push(this.#delivering);
      if (kafka !== undefined && !ticket.isControl && kafka.isLive())
        queues.push(this.#replicating);
      ticket.waits = queues.length;
      for (const queue of queues) queue.push(ticket);
      if (queues.length === 0) void this.#answer(ticket);
    }
  }

  /** What was given to the lane after `position` will never be durable. */
  lost(position: Position, reason: string): void {
    const count = this.#logging.findLastIndex(({ first }) => first.ordinal <= position.ordinal) + 1;
    for (const { settle } of this.#logging.splice(0, count))
      settle({ kind: 'unavailable', reason });
  }

  /** The primary has handled all up to `last`. Returns the refused points whose clients were told otherwise. */
  delivered(last: Position | undefined, refused: readonly RefusedPoint[]): readonly RefusedPoint[] {
    const late = refused.filter((point) => !this.#assign(point));
    if (last !== undefined) {
      this.#progressMs = this.#options.clock.monotonicMs();
      this.#isPressed = false;
      for (const ticket of takeUpTo(this.#delivering, last)) this.#release(ticket);
    }
    return late;
  }

  /** The primary is no longer live: what waits for it is answered on the log alone. */
  degraded(): void {
    for (const ticket of this.#delivering.splice(0)) this.#release(ticket);
  }

  /** Kafka has all up to `last`. */
  replicated(last: Position): void {
    for (const ticket of takeUpTo(this.#replicating, last)) this.#release(ticket);
  }

  /** Kafka is no longer live: what waits for it waits no more. */
  unreplicated(): void {
    for (const ticket of this.#replicating.splice(0)) this.#release(ticket);
  }

  /** Nothing up to `position` will be delivered again. */
  confirmed(position: Position): void {
    this.#known.forget(position);
  }

  /** All up to `position` is proven stored. */
  stored(position: Position): void {
    this.#stored = position;
    for (const waiting of this.#storing) {
      if (comparePositions(waiting.position, position) <= 0) waiting.settle();
    }
  }

  pressed(): void {
    this.#isPressed = true;
  }

  /** Looks whether answers have waited too long; call several times a second. */
  checkSlow(): void {
    const { clock, ackTimeoutMs, onSlow, kafka } = this.#options;
    const nowMs = clock.monotonicMs();
    const [unreplicated] = this.#replicating;
    if (kafka !== undefined && unreplicated !== undefined) {
      if (nowMs - unreplicated.submittedMs > kafka.ackTimeoutMs) kafka.onSlow();
    }
    const [oldest] = this.#delivering;
    if (oldest === undefined) return;
    const isStalled = this.#isPressed && nowMs - this.#progressMs > STALLED_MS;
    if (isStalled || nowMs - oldest.submittedMs > ackTimeoutMs) onSlow();
  }

  /** Adds a record of the log's own; resolves when it is durable, false when it can't be. */
  async logControl(control: Control): Promise<boolean> {
    const position = this.#options.wal.appendControl(control);
    if (position === undefined) return false;
    return new Promise((resolve) => {
      this.#logging.push({
        isControl: true,
        first: position,
        last: position,
        submittedMs: this.#options.clock.monotonicMs(),
        refusals: [],
        linesBefore: [0],
        settle: (outcome) => resolve(outcome.kind === 'accepted'),
        waits: 0,
      });
    });
  }

  /** Adds what the primary refused; resolves when all of it is durable, false when it can't be. */
  async logRefused(lines: readonly RefusedLine[]): Promise<boolean> {
    const logged = outcomeRecords(lines).map(async (outcome) => this.logControl(outcome));
    return (await Promise.all(logged)).every(Boolean);
  }

  /** Gives a refusal to the client that waits for it, unless one was told at an earlier delivery; false when it comes too late. */
  #assign(point: RefusedPoint): boolean {
    const holds = ({ first, last }: Ticket): boolean =>
      comparePositions(first, point.position) <= 0 && comparePositions(point.position, last) <= 0;
    // A request of several records may be delivered in part before its last record is durable.
    const ticket = this.#delivering.find(holds) ?? this.#logging.find(holds);
    if (ticket === undefined) return this.#known.has(point.position, point.index);
    this.#known.add(point.position, point.index);
    const record = point.position.seq - ticket.first.seq;
    ticket.refusals.push({
      line: (ticket.linesBefore[record] ?? 0) + point.index,
      text: point.line,
      error: point.error,
    });
    return true;
  }

  /** One of those it waited for has it. */
  #release(ticket: Ticket): void {
    ticket.waits -= 1;
    if (ticket.waits === 0) void this.#answer(ticket);
  }

  /** Answers; with refusals only once their outcome is durable. */
  async #answer(ticket: Ticket): Promise<void> {
    if (ticket.refusals.length === 0) return accept(ticket);
    if (await this.logRefused(refusedLines(ticket))) return accept(ticket);
    const reason = 'the log could not take what the primary said';
    ticket.settle({ kind: 'unavailable', reason });
  }
}

function accept({ last, refusals, settle }: Ticket): void {
  settle({ kind: 'accepted', last, refusals });
}

function refusedLines({ first, linesBefore, refusals }: Ticket): RefusedLine[] {
  return refusals.map(({ line, error }) => {
    const record = linesBefore.findLastIndex((before) => before <= line);
    const position = { lane: first.lane, seq: first.seq + record };
    return { position, index: line - (linesBefore[record] ?? 0), error };
  });
}

/** Takes the tickets whose last record is at or before `position` from the front. */
function takeUpTo(tickets: Ticket[], position: Position): Ticket[] {
  let count = 0;
  while (count < tickets.length) {
    const ticket = tickets[count];
    if (ticket === undefined || comparePositions(ticket.last, position) > 0) break;
    count += 1;
  }
  return tickets.splice(0, count);
}

/** Cuts lines into records of at most RECORD_BYTES_MAX, at line ends; undefined when a line is longer. */
function splitLines(lines: Buffer, count: number): { lines: Buffer; count: number }[] | undefined {
  if (lines.length <= RECORD_BYTES_MAX) return [{ lines, count }];
  const records: { lines: Buffer; count: number }[] = [];
  for (let start = 0; start < lines.length;) {
    const limit = start + RECORD_BYTES_MAX;
    const end = limit >= lines.length ? lines.length : lines.lastIndexOf(NEWLINE, limit - 1) + 1;
    if (end <= start) return undefined;
    const record = lines.subarray(start, end);
    let lineCount = 0;
    for (let at = record.indexOf(NEWLINE); at >= 0; at = record.indexOf(NEWLINE, at + 1)) {
      lineCount += 1;
    }
    records.push({ lines: record, count: lineCount });
    start = end;
  }
  return records;
}
