import type { Chunk } from './chunk.ts';
import { cellGroup } from './point-key.ts';

/**
 * The lines of a chunk that still matter once all of it is applied: of several writes to one instant only
 * the last. HTTP first, then telnet: no two of the lines touch the same instant, so their order is free.
 */
export function foldedOrder(chunk: Chunk): number[] {
  const lastOf = new Map<number, number>();
  const superseded = new Uint8Array(chunk.count);
  for (let line = 0; line < chunk.count; line += 1) {
    const cell = cellGroup(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
    const earlier = lastOf.get(cell);
    if (earlier !== undefined && isSameInstant(chunk.text(earlier), chunk.text(line))) {
      superseded[earlier] = 1;
    }
    lastOf.set(cell, line);
  }
  const kept = Array.from({ length: chunk.count }, (_, line) => line).filter(
    (line) => superseded[line] === 0,
  );
  return [
    ...kept.filter((line) => chunk.telnet[line] === 0),
    ...kept.filter((line) => chunk.telnet[line] === 1),
  ];
}

/** All lines of a chunk, as they came. */
export function logOrder(chunk: Chunk): number[] {
  const order: number[] = [];
  for (let line = 0; line < chunk.count; line += 1) order.push(line);
  return order;
}

/** Fingerprints can collide, and a point must not be lost by it. Lines in JSON form are kept apart, and mended if need be. */
function isSameInstant(line: string, other: string): boolean {
  const [kind, metric, timestamp, , ...tags] = line.split(' ');
  const [otherKind, otherMetric, otherTimestamp, , ...otherTags] = other.split(' ');
  return (
    kind === 'put' &&
    otherKind === 'put' &&
    metric === otherMetric &&
    instantMs(timestamp) === instantMs(otherTimestamp) &&
    tags.toSorted().join(' ') === otherTags.toSorted().join(' ')
  );
}

function instantMs(timestamp = ''): number {
  const value = Number(timestamp);
  return value > 0xffff_ffff ? value : value * 1_000;
}
