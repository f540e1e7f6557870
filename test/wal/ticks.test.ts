import { describe, expect, test } from 'vitest';
import type { Control } from '../../src/record/control.ts';
import { Ticks } from '../../src/wal/ticks.ts';
import type { RingFrame } from '../../src/wal/frame-ring.ts';

function ticking(): { ticks: Ticks; written: string[] } {
  const written: string[] = [];
  const wal = {
    appendControl: ({ kind }: Control) => {
      written.push(kind);
      return { lane: 'a', ordinal: 1, seq: written.length };
    },
  };
  return { ticks: new Ticks(wal), written };
}

function frame(): RingFrame {
  const position = { lane: 'a', ordinal: 1, firstSeq: 1, lastSeq: 1, start: 0, chain: 0 };
  const body = { bytes: Buffer.alloc(1), bodyBytes: 1, lastReceivedAt: 0 };
  return { ...position, ...body, mutations: 1, durable: true };
}

describe('ticks', () => {
  test('come once a second while nothing is written', () => {
    const { ticks, written } = ticking();
    ticks.beat(20_000, null);
    ticks.beat(20_500, null);
    ticks.beat(21_000, null);
    ticks.note(frame(), 21_500);
    ticks.beat(22_000, null);
    ticks.beat(22_500, null);
    expect(written).toEqual(['tick', 'tick', 'tick']);
  });

  test('say what is confirmed every ten seconds where data never pause, and nothing that they have said', () => {
    const { ticks, written } = ticking();
    for (let nowMs = 11_000; nowMs < 41_000; nowMs += 1_000) {
      ticks.note(frame(), nowMs);
      ticks.beat(nowMs, `a/${nowMs}`);
    }
    expect(written.length).toBe(3);
    for (let nowMs = 41_000; nowMs < 71_000; nowMs += 1_000) {
      ticks.note(frame(), nowMs);
      ticks.beat(nowMs, 'a/31000');
    }
    expect(written.length).toBe(3);
  });
});
