import { describe, expect, test } from 'vitest';
import { SeenLanes } from '../../../src/standby/source/seen-lanes.ts';
import { frameOf } from '../../kit/frames.ts';
import { at, closed, opened, START_MS } from '../topic/topic-records.ts';

describe('lanes that were seen', () => {
  test('tell when their last record and their last write were received, in whatever order they come', () => {
    const seen = new SeenLanes();
    seen.note(frameOf('a', 3, [at(30)]));
    seen.note(frameOf('a', 1, [at(10, 'x')]));
    seen.note(frameOf('b', 1, [at(5)]));
    expect(seen.all.get('a')).toMatchObject({ receivedAt: START_MS + 30, wroteAt: START_MS + 10 });
    expect(seen.all.get('b')).toMatchObject({ receivedAt: START_MS + 5, wroteAt: undefined });
  });

  test('have ended when they say so, or their successor does', () => {
    const seen = new SeenLanes();
    seen.note(frameOf('a', 1, [at(10, 'x')]));
    seen.note(frameOf('b', 1, [opened(20, { lane: 'a', lastSeq: 1 }), closed(25)]));
    expect(seen.all.get('a')).toMatchObject({ endedAt: START_MS + 25 });
    expect(seen.all.get('b')).toMatchObject({ receivedAt: START_MS + 25, endedAt: START_MS + 25 });
    // What comes later belies it, as where a directory was copied.
    seen.note(frameOf('a', 2, [at(30)]));
    expect(seen.all.get('a')).toMatchObject({ receivedAt: START_MS + 30, endedAt: START_MS + 25 });
  });

  test('are at most so many: those that were received last', () => {
    const seen = new SeenLanes();
    for (let n = 0; n < 5_000; n += 1) seen.see(`lane ${n}`, n, false);
    expect(seen.all.size).toBeLessThanOrEqual(1_000);
    expect(seen.all.has('lane 4999')).toBe(true);
    expect(seen.all.has('lane 0')).toBe(false);
  });
});
