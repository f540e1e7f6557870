import type { Control } from '../../record/control.ts';
import type { Position } from '../../record/position.ts';
import type { RefusedPoint } from '../../follow/deliver/logged-point.ts';
import type { SentBodies } from '../../follow/deliver/sent-bodies.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Nudge } from '../../runtime/nudge.ts';
import type { Wal } from '../../wal/log.ts';
import { KnownRefusals } from './known-refusals.ts';
import { outcomeRecords, type RefusedLine } from './outcome-records.ts';
import { type RecordLines, splitLines } from './split-lines.ts';
import { StallWatch } from './stall-watch.ts';
import { StoredWaits } from './stored-waits.ts';
import { type LoggedWrite, Ticket, type TicketOptions, TicketQueue } from './ticket.ts';
import type { Submission, WriteOutcome, WritePath } from './write-path.ts';

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
  /** Refusals that a client would have been told could not be logged: what is not confirmed must be delivered again, and is then refused too late. */
  readonly onUnlogged: () => void;
  /** Where delivery finds what was sent. */
  readonly sentBodies?: SentBodies;
  /** Kafka, when answers wait for it, too. */
  readonly kafka?: Awaited;
}

/** How often it is looked whether answers have waited too long, and at least while none waits. */
const SLOW_CHECK_MS = 100;
const IDLE_CHECK_MS = 5_000;

/** A follower that answers wait for while it keeps up. */
export interface Awaited {
  readonly isLive: () => boolean;
  readonly ackTimeoutMs: number;
  /** It took too long for an answer to wait. */
  readonly onSlow: () => void;
}

/**
 * The way of a write, and the order in which it is safe:
 *
 * 1. `submit` puts the lines into the log's open frame, in call order. Nothing is durable yet.
 * 2. The log writes the frame and syncs it; `durable` is called. From here on the write survives anything
 *    that leaves the disk alone, and followers may see it: nothing reaches the primary that isn't in the log.
 * 3. While the primary keeps up, the answer waits until it has handled the write, so that a refusal only
 *    the primary can know reaches the client as an error. The refusal is an outcome record, durable before
 *    that answer: a restore then leaves the point out, as the primary did.
 *    Kafka, when there is one, is waited for at the same time and in the same way. Between two lanes the log can't take
 *    the outcome: the answer is then given on the log alone, and the refusal counts as one that comes too late.
 * 4. While one of them doesn't keep up, or the answer has waited too long, the answer is given on the log alone.
 *
 * A crash before 2: the client has no answer, and the write is gone or, at worst, there. Between 2 and the
 * answer: the write is there and will be delivered; the client may send it again, which changes nothing.
 * After the answer: it is there. A write the log could not sync is answered as not taken, and readers of
 * the log never see it, but for the first records of a request of several, which may be durable already.
 */
export class DurableWritePath implements WritePath {
  readonly #options: DurableWritePathOptions;
  /** Not durable yet. */
  readonly #logging = new TicketQueue();
  /** Durable, waiting for the primary. */
  readonly #delivering = new TicketQueue();
  /** Durable, waiting for Kafka. */
  readonly #replicating = new TicketQueue();
  readonly #storing = new StoredWaits();
  readonly #known = new KnownRefusals();
  /** With refusals whose outcome isn't durable. */
  readonly #refusing = new Set<Ticket>();
  readonly #stall = new StallWatch();
  /** Answers wait for a follower. */
  readonly #waited = new Nudge();

  constructor(options: DurableWritePathOptions) {
    this.#options = options;
  }

  submit(submission: Submission, settle: (outcome: WriteOutcome) => void): void {
    const logged = this.#log(submission);
    if ('kind' in logged) queueMicrotask(() => settle(logged));
    else this.#wait(logged, { isControl: false, settle });
  }

  /** Whether someone waits until the primary has stored it. */
  get isStoringAwaited(): boolean {
    return !this.#storing.isEmpty;
  }

  awaitStored(position: Position, timeoutMs: number): Promise<'stored' | 'timeout'> {
    return this.#storing.until(position, timeoutMs);
  }

  /** The log is durable up to `position`. */
  durable(position: Position): void {
    const { ack, isLive, clock, kafka } = this.#options;
    if (this.#delivering.oldest === undefined) this.#stall.begin(clock.monotonicMs());
    const answered: Ticket[] = [];
    for (const ticket of this.#logging.takeUpTo(position)) {
      const isDelivered = ack === 'all' && !ticket.isControl && isLive();
      const isReplicated = kafka !== undefined && !ticket.isControl && kafka.isLive();
      ticket.waitFor(Number(isDelivered) + Number(isReplicated));
      if (isDelivered) this.#delivering.add(ticket);
      if (isReplicated) this.#replicating.add(ticket);
      if (!isDelivered && !isReplicated) answered.push(ticket);
    }
    if (this.#isWaited) this.#waited.give();
    this.#answer(answered);
  }

  /** What was given to the lane after `position` will never be durable. */
  lost(position: Position, reason: string): void {
    for (const ticket of this.#logging.takeLanesUpTo(position.ordinal)) {
      // Its first records may be durable, and refused.
      this.#forgetRefused(ticket);
      queueMicrotask(() => ticket.fail(reason, position));
    }
  }

  /** The primary has handled all up to `last`. Returns the refused points whose clients were told otherwise. */
  delivered(last: Position | undefined, refused: readonly RefusedPoint[]): readonly RefusedPoint[] {
    const late = refused.filter((point) => !this.#assign(point));
    if (last !== undefined) {
      this.#stall.progressed(this.#options.clock.monotonicMs());
      this.#release(this.#delivering.takeUpTo(last));
    }
    return late;
  }

  /** The primary is no longer live: what waits for it is answered on the log alone. */
  degraded(): void {
    this.#release(this.#delivering.takeAll());
  }

  /** Kafka has all up to `last`. */
  replicated(last: Position): void {
    this.#release(this.#replicating.takeUpTo(last));
  }

  /** Kafka is no longer live: what waits for it waits no more. */
  unreplicated(): void {
    this.#release(this.#replicating.takeAll());
  }

  /** Nothing up to `position` will be delivered again. */
  confirmed(position: Position): void {
    this.#known.forget(position);
  }

  /** All up to `position` is proven stored. */
  stored(position: Position): void {
    this.#storing.stored(position);
  }

  pressed(): void {
    this.#stall.pressed();
  }

  get #isWaited(): boolean {
    return this.#delivering.oldest !== undefined || this.#replicating.oldest !== undefined;
  }

  /** Looks whether answers have waited too long, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    signal.addEventListener('abort', () => this.#waited.give(), { once: true });
    while (!signal.aborted) {
      this.checkSlow();
      if (this.#isWaited) await clock.sleep(SLOW_CHECK_MS, signal);
      else await this.#waited.within(IDLE_CHECK_MS, clock);
    }
  }

  /** Looks whether answers have waited too long. */
  checkSlow(): void {
    const { clock, ackTimeoutMs, onSlow, kafka } = this.#options;
    const nowMs = clock.monotonicMs();
    const { oldest: unreplicated } = this.#replicating;
    if (kafka !== undefined && unreplicated !== undefined) {
      if (nowMs - unreplicated.submittedMs > kafka.ackTimeoutMs) kafka.onSlow();
    }
    const { oldest } = this.#delivering;
    if (oldest === undefined) return;
    if (this.#stall.isStalled(nowMs) || nowMs - oldest.submittedMs > ackTimeoutMs) onSlow();
  }

  /** The log has an outcome record of it: to be refused again is no news. */
  noteRefused(position: Position, index: number): void {
    this.#known.add(position, index);
  }

  /** Records with a refusal that the log doesn't say yet. */
  get unlogged(): readonly Position[] {
    const refused = [...this.#refusing].flatMap((ticket) => ticket.refused);
    return refused.map(({ position }) => position);
  }

  isKnownRefused({ position, index }: RefusedLine): boolean {
    return this.#known.has(position, index);
  }

  /** Adds a record of the log's own; resolves when it is durable, false when it can't be. */
  async logControl(control: Control): Promise<boolean> {
    const position = this.#options.wal.appendControl(control);
    if (position === undefined) return false;
    const logged = { first: position, last: position, linesBefore: [0] };
    return new Promise((resolve) => {
      const settle = ({ kind }: WriteOutcome): void => resolve(kind === 'accepted');
      this.#wait(logged, { isControl: true, settle });
    });
  }

  /** Adds what the primary refused; resolves when all of it is durable, false when it can't be. */
  async logRefused(lines: readonly RefusedLine[]): Promise<boolean> {
    const logged = outcomeRecords(lines).map(async (outcome) => this.logControl(outcome));
    return (await Promise.all(logged)).every(Boolean);
  }

  /** Adds the lines to the log; or why not. */
  #log(submission: Submission): LoggedWrite | WriteOutcome {
    const { wal, sentBodies } = this.#options;
    const records = splitLines(submission.lines, submission.count);
    if (records === undefined) return { kind: 'too large', reason: 'A point is too long' };
    if (submission.lines.length > wal.linesBytesMax) {
      return { kind: 'too large', reason: 'The points are too many for one request' };
    }
    const logged = this.#append(submission, records);
    if (logged === undefined) return { kind: 'unavailable', reason: shortRefusal(wal) };
    if (submission.sent !== undefined && records.length === 1) {
      sentBodies?.keep(logged.first, { points: submission.count, bytes: submission.sent });
    }
    return logged;
  }

  /** Undefined when the log has no room for all of it. */
  #append(
    { transport, source, lines }: Submission,
    records: readonly RecordLines[],
  ): LoggedWrite | undefined {
    let first: Position | undefined;
    let last: Position | undefined;
    // Of a request that doesn't fit whole nothing is logged.
    const { length } = records;
    if (length > 1 && !this.#options.wal.hasRoom(lines.length, length)) return undefined;
    const linesBefore: number[] = [];
    let before = 0;
    for (const { lines: own, count } of records) {
      last = this.#options.wal.append(transport, source, own, count);
      if (last === undefined) return undefined;
      first ??= last;
      linesBefore.push(before);
      before += count;
    }
    return first && last && { first, last, linesBefore };
  }

  #wait(logged: LoggedWrite, { isControl, settle }: Omit<TicketOptions, 'submittedMs'>): void {
    const submittedMs = this.#options.clock.monotonicMs();
    this.#logging.add(new Ticket(logged, { isControl, submittedMs, settle }));
  }

  /** Gives a refusal to the client that waits for it, unless one was told at an earlier delivery; false when it comes too late. */
  #assign(point: RefusedPoint): boolean {
    const { position, index } = point;
    if (this.#known.has(position, index)) return true;
    // A request of several records may be delivered in part before its last record is durable.
    const ticket = this.#delivering.find(position) ?? this.#logging.find(position);
    if (ticket === undefined) return false;
    this.#known.add(position, index);
    ticket.refuse(point);
    this.#refusing.add(ticket);
    return true;
  }

  /** One of those that they waited for has them. */
  #release(tickets: readonly Ticket[]): void {
    this.#answer(tickets.filter((ticket) => ticket.release()));
  }

  /**
   * Answers; with refusals only once their outcome is durable. Later, so that the log or the follower that tells of it has the
   * next write under way before clients are answered.
   */
  #answer(tickets: readonly Ticket[]): void {
    if (tickets.length === 0) return;
    queueMicrotask(() => {
      for (const ticket of tickets) {
        if (ticket.refused.length === 0) ticket.accept();
        else void this.#answerRefused(ticket);
      }
    });
  }

  async #answerRefused(ticket: Ticket): Promise<void> {
    if (await this.logRefused(ticket.refused)) this.#refusing.delete(ticket);
    else this.#forgetRefused(ticket);
    ticket.accept();
  }

  /** What the log does not say must come up once more. */
  #forgetRefused(ticket: Ticket): void {
    const { refused } = ticket;
    if (refused.length === 0) return;
    for (const { position, index } of refused) this.#known.remove(position, index);
    ticket.forgetRefused();
    this.#refusing.delete(ticket);
    this.#options.onUnlogged();
  }
}

/** What a client is told of why data is not taken: places and remedies, which come after a colon, are for the log and /health. */
export function shortRefusal({ refusal = 'the log is behind' }: Pick<Wal, 'refusal'>): string {
  const [short = refusal] = refusal.split(':', 1);
  return short;
}
