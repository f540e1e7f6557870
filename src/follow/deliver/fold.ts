import { parsePutLine } from '../../opentsdb/put-line.ts';
import { instantOf } from '../../opentsdb/put-instant.ts';
import type { Chunk } from './chunk.ts';
import { cellGroup } from './point-key.ts';

const SPACE = 0x20;
const LETTER_P = 0x70;

/** Which lines of a chunk are sent, and in which order. */
export type SendOrder =
  /** All, as they came. */
  | 'log'
  /** Of several writes to one instant only the last; what is left is in any order. */
  | 'folded'
  /** All, in any order: no two write to the same instant. */
  | 'free';

export function orderOf(chunk: Chunk, order: SendOrder): number[] {
  switch (order) {
    case 'log':
      return logOrder(chunk);
    case 'folded':
      return foldedOrder(chunk);
    case 'free':
      return byTransport(chunk, logOrder(chunk));
  }
}

/**
 * The lines of a chunk that still matter once all of it is applied: of several writes to one instant only
 * the last. HTTP first, then telnet: no two of the lines touch the same instant, so their order is free.
 */
function foldedOrder(chunk: Chunk): number[] {
  const lastOf = new Map<number, number>();
  const superseded = new Uint8Array(chunk.count);
  let isFree = true;
  for (let line = 0; line < chunk.count; line += 1) {
    const cell = cellGroup(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
    const earlier = lastOf.get(cell);
    if (earlier !== undefined) {
      if (areOfOneInstant(chunk, earlier, line)) superseded[earlier] = 1;
      else isFree = false;
    }
    lastOf.set(cell, line);
  }
  const kept = logOrder(chunk).filter((line) => superseded[line] === 0);
  // Two instants with one fingerprint hide other lines of theirs: what is kept goes in the order of the log.
  if (!isFree) return kept;
  return byTransport(chunk, kept);
}

/** HTTP first, then telnet. */
function byTransport(chunk: Chunk, lines: readonly number[]): number[] {
  return [
    ...lines.filter((line) => chunk.telnet[line] === 0),
    ...lines.filter((line) => chunk.telnet[line] === 1),
  ];
}

function logOrder(chunk: Chunk): number[] {
  const order: number[] = [];
  for (let line = 0; line < chunk.count; line += 1)
    if (chunk.isBeaten[line] === 0) order.push(line);
  return order;
}

/** Whether two lines write to one instant. Fingerprints can collide, and a point must not be lost by it. */
function areOfOneInstant(chunk: Chunk, line: number, other: number): boolean {
  if (differInValueOnly(chunk, line, other)) return true;
  const one = parsePutLine(chunk.text(line));
  const two = parsePutLine(chunk.text(other));
  return (
    one.metric === two.metric &&
    instantOf(Number(one.timestamp)) === instantOf(Number(two.timestamp)) &&
    tagsOf(one.tags) === tagsOf(two.tags)
  );
}

/** Whether two put lines are the same but for their values, byte by byte. */
function differInValueOnly(chunk: Chunk, line: number, other: number): boolean {
  const { bytes, starts } = chunk;
  const one = starts[line] ?? 0;
  const two = starts[other] ?? 0;
  if (bytes[one] !== LETTER_P || bytes[two] !== LETTER_P) return false;
  const oneValue = valueOf(bytes, one);
  const twoValue = valueOf(bytes, two);
  const oneTags = bytes.indexOf(SPACE, oneValue);
  const twoTags = bytes.indexOf(SPACE, twoValue);
  return (
    bytes.compare(bytes, two, twoValue, one, oneValue) === 0 &&
    bytes.compare(bytes, twoTags, chunk.endOf(other), oneTags, chunk.endOf(line)) === 0
  );
}

/** Where the value of the put line at `start` begins: `put <metric> <timestamp> <value> …`. */
function valueOf(bytes: Buffer, start: number): number {
  return bytes.indexOf(SPACE, bytes.indexOf(SPACE, start + 4) + 1) + 1;
}

function tagsOf(tags: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
