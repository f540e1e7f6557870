import { type Hole, type Outcome, parseControl } from '../../record/control.ts';
import { isUndone, type Undone } from '../../record/fork.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import { endOf, type LogFrame, type ReadableLog } from '../../wal/log-reader.ts';
import type { Chunk } from './chunk.ts';
import type { DeliveryFault } from './delivery-options.ts';

export interface ChunkLimits {
  readonly lines: number;
  readonly bytes: number;
}

/** `put m 1 1 a=b` */
const LINE_BYTES_MIN = 14;
const AT = 0x40;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const LETTER_T = 0x74;
const LETTER_L = 0x6c;
const LETTER_O = 0x6f;

export interface ChunkEvents {
  hole(hole: Hole): void;
  /** What the primary refused, as the log says it on the way. */
  outcome?(outcome: Outcome): void;
}

/** What fills chunks; `backlog` aborts when a backlog is no longer sent. */
export interface ChunkSource {
  fill(
    chunk: Chunk,
    position: Position | undefined,
    limits: ChunkLimits,
    backlog: AbortSignal | undefined,
  ): Promise<void>;
}

/** Takes the log, record by record, into chunks. The place is the caller's: it may go back at any time. */
export class ChunkReader {
  readonly #log: ReadableLog;
  readonly #tell: ChunkEvents;
  readonly #undone: Undone | undefined;
  /** Holes were told up to here. */
  #reported: Position | undefined;
  /** Where in the body of a frame the record `seq` starts, so that a large frame isn't walked again. */
  #mark = { ordinal: 0, firstSeq: 0, seq: 0, offset: 0 };

  /** `undone`: records that are passed over. */
  constructor(log: ReadableLog, tell: ChunkEvents, undone?: Undone) {
    this.#log = log;
    this.#tell = tell;
    this.#undone = undone;
  }

  /**
   * Fills a cleared chunk with the durable records after `position`, up to the limits (a record larger than
   * them comes alone). `chunk.last` stays undefined when there are none.
   */
  async fill(chunk: Chunk, position: Position | undefined, limits: ChunkLimits): Promise<void> {
    let place = position;
    for (;;) {
      const recent = place === undefined ? undefined : this.#log.peek(place);
      const read = recent ?? (await this.#log.next(place));
      if (read === undefined) return;
      if (read.kind === 'hole') {
        if (chunk.count > 0 && chunk.last?.ordinal !== read.to.ordinal) return;
        this.#report(read.hole, read.to);
        place = read.to;
        chunk.last = place;
        continue;
      }
      // One lane a chunk: its lines are told apart by sequence alone.
      if (chunk.count > 0 && chunk.last?.ordinal !== read.ordinal) return;
      const isFull = this.#take(chunk, read, place, limits);
      if (isFull) return;
      place = endOf(read);
    }
  }

  /** Takes the frame's records after `place`; true when the chunk is full. */
  #take(chunk: Chunk, frame: LogFrame, place: Position | undefined, limits: ChunkLimits): boolean {
    const { body, ordinal, firstSeq, lane } = frame;
    const passed = place !== undefined && place.ordinal === ordinal ? place.seq : 0;
    const undone = this.#undone?.of(lane);
    let { seq, offset } = this.#startIn(frame, passed);
    while (offset < body.length) {
      const headEnd = body.indexOf(NEWLINE, offset);
      const end = endOfLines(body, headEnd + 1);
      if (seq > passed) {
        const bytes = end - headEnd - 1;
        const isFull =
          chunk.length + bytes > limits.bytes ||
          hasMoreLines(body, headEnd + 1, end, limits.lines - chunk.count);
        if (isFull && chunk.count > 0) {
          this.#mark = { ordinal, firstSeq, seq, offset };
          return true;
        }
        const { transport, receivedAt } = readHead(body, offset);
        if (transport === LETTER_L) this.#tellOutcome(body, headEnd + 1, end);
        else if (!isUndone(undone, seq)) {
          const telnet = transport === LETTER_T;
          chunk.add(body, headEnd + 1, end, { seq, telnet, receivedAt });
        }
        chunk.last = { lane, ordinal, seq };
      }
      offset = end;
      seq += 1;
    }
    return chunk.count >= limits.lines;
  }

  /** Each time that it is read. */
  #tellOutcome(body: Buffer, start: number, end: number): void {
    // Of what begins likewise `!open` comes once a lane.
    if (body[start + 1] !== LETTER_O) return;
    const control = parseControl(body.toString('utf8', start, end - 1));
    if (control?.kind === 'outcome') this.#tell.outcome?.(control);
  }

  /** Once each, also when the log is read again. */
  #report(hole: Hole, to: Position): void {
    if (this.#reported !== undefined && comparePositions(to, this.#reported) <= 0) return;
    this.#reported = to;
    this.#tell.hole(hole);
  }

  #startIn(frame: LogFrame, passed: number): { seq: number; offset: number } {
    const { ordinal, firstSeq, seq, offset } = this.#mark;
    const isMarked = ordinal === frame.ordinal && firstSeq === frame.firstSeq && seq <= passed + 1;
    return isMarked ? { seq, offset } : { seq: frame.firstSeq, offset: 0 };
  }
}

/** What a failed read of the log means; throws what is no such failure. */
export function logFault(error: unknown): DeliveryFault {
  return { fault: 'log', reason: `the log can't be read: ${readFailure(error)}` };
}

/** Why the log can't be read; throws what says nothing of that. */
export function readFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return message;
}

/** Whether there are more than so many lines in [start, end). They are counted only where it may matter. */
function hasMoreLines(body: Buffer, start: number, end: number, lines: number): boolean {
  if (end - start <= lines * LINE_BYTES_MIN) return false;
  let left = lines;
  for (let at = start; at < end; left -= 1) {
    if (left <= 0) return true;
    at = body.indexOf(NEWLINE, at) + 1;
  }
  return false;
}

/** The receive time, and the first letter of the transport, in the record header at `offset`: `@<seq> <receivedAt> <transport> …`. */
function readHead(body: Buffer, offset: number): { transport: number; receivedAt: number } {
  let at = body.indexOf(SPACE, offset) + 1;
  let receivedAt = 0;
  for (let byte = body[at] ?? SPACE; byte > SPACE; byte = body[at] ?? SPACE) {
    receivedAt = receivedAt * 10 + byte - ZERO;
    at += 1;
  }
  return { transport: body[at + 1] ?? 0, receivedAt };
}

function endOfLines(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && body[at] !== AT) at = body.indexOf(NEWLINE, at) + 1;
  return at;
}
