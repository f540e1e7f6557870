import { comparePositions, type Position } from '../record/position.ts';

interface Mark {
  readonly position: Position;
  readonly receivedAt: number;
  /** Bytes of the log up to here. */
  readonly bytes: number;
}

const STEP_MS = 1_000;
const STEP_BYTES = 8 * 1024 * 1024;
const MARKS_MAX = 100_000;

/** How far a follower is behind the end of the log, in time and bytes, to about a second or 8 MiB. */
export class LagIndex {
  #marks: Mark[] = [];
  #last: Mark | undefined;

  /** The log reached `position`; in log order. */
  note(position: Position, receivedAt: number, bytes: number): void {
    const mark = { position, receivedAt, bytes: (this.#last?.bytes ?? 0) + bytes };
    const before = this.#marks.at(-1);
    this.#last = mark;
    const isStep =
      before === undefined ||
      receivedAt - before.receivedAt >= STEP_MS ||
      mark.bytes - before.bytes >= STEP_BYTES;
    if (isStep) this.#marks.push(mark);
    if (this.#marks.length > MARKS_MAX)
      this.#marks = this.#marks.filter((_, index) => index % 2 === 1);
  }

  /** How far `position` is behind; asks with positions that only grow, or starts from the oldest kept. */
  behind(position: Position | undefined, now: number): { seconds: number; bytes: number } {
    const last = this.#last;
    if (last === undefined) return { seconds: 0, bytes: 0 };
    if (position !== undefined && comparePositions(position, last.position) >= 0) {
      return { seconds: 0, bytes: 0 };
    }
    const found = this.#marks.findIndex(
      (mark) => position === undefined || comparePositions(mark.position, position) > 0,
    );
    const index = found < 0 ? this.#marks.length : found;
    const next = this.#marks[index] ?? last;
    const passed = this.#marks[index - 1]?.bytes ?? 0;
    return { seconds: Math.max(0, (now - next.receivedAt) / 1_000), bytes: last.bytes - passed };
  }

  /** Nobody will ask about what is before `position` any more. */
  forget(position: Position): void {
    const keep = this.#marks.findIndex((mark) => comparePositions(mark.position, position) > 0);
    this.#marks = keep < 0 ? this.#marks.slice(-1) : this.#marks.slice(Math.max(0, keep - 1));
  }
}
