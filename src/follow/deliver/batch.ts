import { JsonPointWriter, jsonBytesMax } from '../../opentsdb/put-writer.ts';
import type { Position } from '../../record/position.ts';
import type { Chunk } from './chunk.ts';
import { orderOf, type SendOrder } from './fold.ts';
import type { SentBodies, SentBody } from './sent-bodies.ts';

/** Lines of one transport, as one request to an OpenTSDB. */
export interface Batch {
  readonly telnet: boolean;
  /** JSON array, or telnet lines. */
  readonly body: Buffer;
  readonly chunk: Chunk;
  /** Its lines, by their number in the chunk. */
  readonly lines: readonly number[];
  /** Once this batch and those before it are handled, so is every record up to here; undefined: no further than before. */
  readonly last: Position | undefined;
}

export interface BatchLimits {
  readonly points: number;
  readonly bytes: number;
}

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;

/** Cuts a chunk into batches: in log order by runs of one transport, or, where order is free, into one run each. */
export class ChunkBatches {
  readonly #chunk: Chunk;
  readonly #order: readonly number[];
  readonly #isInLogOrder: boolean;
  /** Whether all lines are sent as they stand in the chunk. */
  readonly #isWhole: boolean;
  readonly #sentBodies: SentBodies | undefined;
  #next = 0;
  #taken = 0;

  /** `sentBodies`: used where all points are sent, in the order of the log. */
  constructor(chunk: Chunk, order: SendOrder, sentBodies?: SentBodies) {
    this.#chunk = chunk;
    this.#isInLogOrder = order === 'log';
    this.#order = orderOf(chunk, order);
    this.#isWhole = this.#isInLogOrder && this.#order.length === chunk.count;
    this.#sentBodies = this.#isWhole ? sentBodies : undefined;
  }

  /** The transport of the next batch; undefined when there is none. */
  get nextIsTelnet(): boolean | undefined {
    const line = this.#order[this.#next];
    return line === undefined ? undefined : this.#chunk.telnet[line] === 1;
  }

  /** Call while `nextIsTelnet` is defined. A line larger than the limits comes alone. */
  take(limits: BatchLimits): Batch {
    const chunk = this.#chunk;
    const telnet = this.nextIsTelnet === true;
    const from = this.#next;
    const asSent = this.#splice(from, limits);
    if (asSent !== undefined) return asSent;
    let to = from;
    let room = 2;
    while (to < this.#order.length && to - from < limits.points) {
      const line = this.#order[to] ?? 0;
      if ((chunk.telnet[line] === 1) !== telnet) break;
      const size = sizeOf(chunk, line, telnet, limits);
      if (to > from && room + size > limits.bytes) break;
      room += size;
      to += 1;
    }
    let { lines, body } = this.#write(from, to, telnet);
    // The sizes were guessed: many tags and escapes make a point larger.
    while (body.length > limits.bytes && to - from > 1) {
      const fitting = Math.floor(((to - from) * limits.bytes * 0.97) / body.length);
      to = from + Math.max(1, Math.min(fitting, to - from - 1));
      ({ lines, body } = this.#write(from, to, telnet));
    }
    return this.#taking(to, { telnet, chunk, lines, body });
  }

  /** Bodies as they were sent, one after the other; undefined when there is none of the record at `from`. */
  #splice(from: number, limits: BatchLimits): Batch | undefined {
    const chunk = this.#chunk;
    const sent: SentBody[] = [];
    let to = from;
    let bytes = 2;
    while (to < this.#order.length) {
      const body =
        chunk.indexes[to] === 0
          ? this.#sentBodies?.find(chunk.last?.ordinal ?? 0, chunk.seqs[to] ?? 0)
          : undefined;
      if (body === undefined || to - from + body.points > limits.points) break;
      if (bytes + body.bytes.length + 1 > limits.bytes) break;
      sent.push(body);
      bytes += body.bytes.length + 1;
      to += body.points;
    }
    if (to === from) return undefined;
    const body = spliced(sent, chunk.body(this.#taken, bytes));
    return this.#taking(to, { telnet: false, chunk, lines: this.#order.slice(from, to), body });
  }

  #taking(to: number, batch: Omit<Batch, 'last'>): Batch {
    this.#next = to;
    this.#taken += 1;
    return { ...batch, last: this.#lastBefore(to) };
  }

  #write(from: number, to: number, telnet: boolean): Pick<Batch, 'lines' | 'body'> {
    const chunk = this.#chunk;
    const lines = this.#order.slice(from, to);
    if (telnet) return { lines, body: telnetBody(chunk, lines, this.#isWhole) };
    return { lines, body: jsonBody(chunk, lines, chunk.body(this.#taken, jsonRoom(chunk, lines))) };
  }

  #lastBefore(to: number): Position | undefined {
    const { last } = this.#chunk;
    const next = this.#order[to];
    if (next === undefined || last === undefined) return last;
    if (!this.#isInLogOrder) return undefined;
    return { ...last, seq: (this.#chunk.seqs[next] ?? 0) - 1 };
  }
}

/** Below this, a body's size decides how many points it holds, and is guessed with care. */
const SMALL_BODY_BYTES = 64 * 1024;
/** What JSON adds to a line with eight tags. */
const JSON_EXTRA_BYTES = 85;
const EQUALS = 0x3d;

function sizeOf(chunk: Chunk, line: number, telnet: boolean, limits: BatchLimits): number {
  const start = chunk.starts[line] ?? 0;
  const end = chunk.endOf(line);
  if (telnet) return end - start + 1;
  if (limits.bytes > SMALL_BODY_BYTES) return end - start + JSON_EXTRA_BYTES;
  let tags = 0;
  for (let at = start; at < end; at += 1) if (chunk.bytes[at] === EQUALS) tags += 1;
  return end - start + 45 + 4 * tags;
}

function jsonRoom(chunk: Chunk, lines: readonly number[]): number {
  let room = 2;
  for (const line of lines) {
    room += jsonBytesMax(chunk.endOf(line) - (chunk.starts[line] ?? 0)) + 1;
  }
  return room;
}

/** Writes a JSON array of the lines' points into `bytes`, which has room for it. */
function jsonBody(chunk: Chunk, lines: readonly number[], bytes: Buffer): Buffer {
  const writer = new JsonPointWriter(chunk.bytes, bytes);
  writer.byte(OPEN);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? 0;
    if (index > 0) writer.byte(COMMA);
    writer.write(chunk.starts[line] ?? 0, chunk.endOf(line));
  }
  writer.byte(CLOSE);
  return bytes.subarray(0, writer.at);
}

/** Writes a JSON array of the bodies' points into `bytes`, which has room for it. */
function spliced(bodies: readonly SentBody[], bytes: Buffer): Buffer {
  let at = 0;
  for (const body of bodies) {
    bytes[at] = at === 0 ? OPEN : COMMA;
    at += 1 + body.bytes.copy(bytes, at + 1);
  }
  bytes[at] = CLOSE;
  return bytes.subarray(0, at + 1);
}

/** The lines in ISO-8859-1. When they are ASCII and stand side by side in the chunk, the chunk's own bytes serve. */
function telnetBody(chunk: Chunk, lines: readonly number[], areAdjacent: boolean): Buffer {
  const start = chunk.starts[lines[0] ?? 0] ?? 0;
  if (!chunk.isAscii) {
    return Buffer.from(lines.map((line) => `${chunk.text(line)}\n`).join(''), 'latin1');
  }
  if (areAdjacent) return chunk.bytes.subarray(start, chunk.endOf(lines.at(-1) ?? 0) + 1);
  return Buffer.concat(
    lines.map((line) => chunk.bytes.subarray(chunk.starts[line] ?? 0, chunk.endOf(line) + 1)),
  );
}
