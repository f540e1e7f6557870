import { describe, expect, test } from 'vitest';
import { SentBodies } from '../../src/follow/deliver/sent-bodies.ts';

const at = (seq: number, ordinal = 1) => ({ lane: 'a', ordinal, seq });
const bodyOf = (seq: number, size: number) => Buffer.alloc(size, seq % 251);

describe('sent bodies', () => {
  test('are found by their record, until newer ones need the room', () => {
    const bodies = new SentBodies();
    const size = 300_000;
    for (let seq = 1; seq <= 40; seq += 1) {
      bodies.keep(at(seq), { points: seq, bytes: bodyOf(seq, size) });
    }
    const found = Array.from({ length: 40 }, (_, index) => bodies.find(1, index + 1));
    const first = found.findIndex((body) => body !== undefined);
    expect(found.length - first).toBe(13);
    const kept = found.slice(first).map((_, index) => first + index + 1);
    expect(found.slice(first).map((body) => body?.points)).toEqual(kept);
    // Byte by byte, `toEqual` takes seconds.
    const isSame = kept.map((seq, index) =>
      bodyOf(seq, size).equals(found[first + index]?.bytes ?? Buffer.alloc(0)),
    );
    expect(isSame).toEqual(kept.map(() => true));
  });

  test('of another lane, or of a record that has none, are not found', () => {
    const bodies = new SentBodies();
    bodies.keep(at(7), { points: 3, bytes: bodyOf(7, 1_000) });
    expect(bodies.find(1, 7)?.points).toBe(3);
    expect(bodies.find(2, 7)).toBeUndefined();
    expect(bodies.find(1, 8)).toBeUndefined();
    expect(bodies.find(1, 7 + 8_192)).toBeUndefined();
    expect(new SentBodies().find(0, 0)).toBeUndefined();
  });
});
