import type { RefusedPoint } from '../../follow/deliver/logged-point.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import type { Refusal, WriteOutcome } from './write-path.ts';

/** The records of the log that hold one write: one right after the other. */
export interface LoggedWrite {
  readonly first: Position;
  readonly last: Position;
  /** Lines of the write before each of its records. */
  readonly linesBefore: readonly number[];
}

export interface TicketOptions {
  /** The log's own record: followers have no part in it. */
  readonly isControl: boolean;
  /** Monotonic. */
  readonly submittedMs: number;
  readonly settle: (outcome: WriteOutcome) => void;
}

/** A write on its way from the log to its answer. */
export class Ticket {
  readonly #logged: LoggedWrite;
  readonly #options: TicketOptions;
  /** Points that it holds and the primary has refused. */
  #refused: RefusedPoint[] = [];
  /** Followers that it waits for. */
  #waits = 0;

  constructor(logged: LoggedWrite, options: TicketOptions) {
    this.#logged = logged;
    this.#options = options;
  }

  get isControl(): boolean {
    return this.#options.isControl;
  }

  get submittedMs(): number {
    return this.#options.submittedMs;
  }

  get last(): Position {
    return this.#logged.last;
  }

  holds(position: Position): boolean {
    const { first, last } = this.#logged;
    return comparePositions(first, position) <= 0 && comparePositions(position, last) <= 0;
  }

  /** It is answered when so many followers have it. */
  waitFor(followers: number): void {
    this.#waits = followers;
  }

  /** One of these has it; true: all have. */
  release(): boolean {
    this.#waits -= 1;
    return this.#waits === 0;
  }

  /** The primary has refused a point that it holds. */
  refuse(point: RefusedPoint): void {
    this.#refused.push(point);
  }

  get refused(): readonly RefusedPoint[] {
    return this.#refused;
  }

  /** Its client is not told of them. */
  forgetRefused(): void {
    this.#refused = [];
  }

  /** Answers that it is there, but for what was refused. */
  accept(): void {
    const { first, last, linesBefore } = this.#logged;
    const refusals = this.#refused.map(({ position, index, line: text, error }): Refusal => {
      const before = linesBefore[position.seq - first.seq] ?? 0;
      return { line: before + index, text, error };
    });
    this.#options.settle({ kind: 'accepted', last, refusals });
  }

  /** Answers that it was not taken: of its lane nothing after `position` is there. */
  fail(reason: string, position: Position): void {
    const { first, linesBefore } = this.#logged;
    const isSame = first.ordinal === position.ordinal;
    const records = isSame ? Math.max(0, position.seq - first.seq + 1) : 0;
    this.#options.settle({ kind: 'unavailable', reason, logged: linesBefore[records] ?? 0 });
  }
}

/** Tickets that wait for the same, in log order. */
export class TicketQueue {
  readonly #tickets: Ticket[] = [];

  get oldest(): Ticket | undefined {
    return this.#tickets[0];
  }

  add(ticket: Ticket): void {
    this.#tickets.push(ticket);
  }

  /** The one with a record at this position. */
  find(position: Position): Ticket | undefined {
    return this.#tickets.find((ticket) => ticket.holds(position));
  }

  /** Takes those whose last record is at or before `position`. */
  takeUpTo(position: Position): Ticket[] {
    const after = this.#tickets.findIndex(({ last }) => comparePositions(last, position) > 0);
    return this.#tickets.splice(0, after < 0 ? this.#tickets.length : after);
  }

  /** Takes those of the lane of this ordinal, and of lanes before it. */
  takeLanesUpTo(ordinal: number): Ticket[] {
    return this.#tickets.splice(
      0,
      this.#tickets.findLastIndex(({ last }) => last.ordinal <= ordinal) + 1,
    );
  }

  takeAll(): Ticket[] {
    return this.#tickets.splice(0);
  }
}
