import { parsePutLine } from '../opentsdb/put-line.ts';
import type { Chunk } from './chunk.ts';
import { cellGroup } from './point-key.ts';

/**
 * The lines of a chunk that still matter once all of it is applied: of several writes to one instant only
 * the last. HTTP first, then telnet: no two of the lines touch the same instant, so their order is free.
 */
export function foldedOrder(chunk: Chunk): number[] {
  const lastOf = new Map<number, number>();
  const superseded = new Uint8Array(chunk.count);
  let isFree = true;
  for (let line = 0; line < chunk.count; line += 1) {
    const cell = cellGroup(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
    const earlier = lastOf.get(cell);
    if (earlier !== undefined) {
      if (isSameInstant(chunk.text(earlier), chunk.text(line))) superseded[earlier] = 1;
      else isFree = false;
    }
    lastOf.set(cell, line);
  }
  const kept = logOrder(chunk).filter((line) => superseded[line] === 0);
  // Two instants with one fingerprint hide other lines of theirs: what is kept goes in the order of the log.
  if (!isFree) return kept;
  return [
    ...kept.filter((line) => chunk.telnet[line] === 0),
    ...kept.filter((line) => chunk.telnet[line] === 1),
  ];
}

/** The lines of a chunk, as they came. */
export function logOrder(chunk: Chunk): number[] {
  const order: number[] = [];
  for (let line = 0; line < chunk.count; line += 1)
    if (chunk.isBeaten[line] === 0) order.push(line);
  return order;
}

/** Whether two lines write to one instant. Fingerprints can collide, and a point must not be lost by it. */
export function isSameInstant(line: string, other: string): boolean {
  const one = parsePutLine(line);
  const two = parsePutLine(other);
  return (
    one.metric === two.metric &&
    instantMs(one.timestamp) === instantMs(two.timestamp) &&
    tagsOf(one.tags) === tagsOf(two.tags)
  );
}

function tagsOf(tags: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function instantMs(timestamp: unknown): number {
  const value = Number(timestamp);
  return value > 0xffff_ffff ? value : value * 1_000;
}
