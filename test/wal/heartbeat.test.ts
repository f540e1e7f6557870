import { describe, expect, test } from 'vitest';
import type { Control } from '../../src/record/control.ts';
import type { RingFrame } from '../../src/wal/frame-ring.ts';
import { Heartbeat } from '../../src/wal/heartbeat.ts';
import { LagIndex } from '../../src/wal/lag.ts';

function beating(): { heartbeat: Heartbeat; written: string[] } {
  const written: string[] = [];
  const wal = {
    appendControl: ({ kind }: Control) => {
      written.push(kind);
      return { lane: 'a', ordinal: 1, seq: written.length };
    },
  };
  const options = { wal, cutBytes: 1_000, cutIntervalMs: 60_000 };
  return { heartbeat: new Heartbeat(options, 10_000), written };
}

function frame(bytes: number, mutations = 1): RingFrame {
  const position = { lane: 'a', ordinal: 1, firstSeq: 1, lastSeq: 1, start: 0, chain: 0 };
  const body = { bytes: Buffer.alloc(bytes), bodyBytes: bytes, lastReceivedAt: 0 };
  return { ...position, ...body, mutations, durable: true };
}

describe('the heartbeat', () => {
  test('ticks once a second while nothing is written', () => {
    const { heartbeat, written } = beating();
    heartbeat.beat(20_000, null);
    heartbeat.beat(20_500, null);
    heartbeat.beat(21_000, null);
    heartbeat.note(frame(10), 21_500);
    heartbeat.beat(22_000, null);
    heartbeat.beat(22_500, null);
    expect(written).toEqual(['tick', 'tick', 'tick']);
  });

  test('says what is confirmed every ten seconds where data never pause, and nothing that it has said', () => {
    const { heartbeat, written } = beating();
    const ticks = (): number => written.filter((kind) => kind === 'tick').length;
    for (let nowMs = 11_000; nowMs < 41_000; nowMs += 1_000) {
      heartbeat.note(frame(1), nowMs);
      heartbeat.beat(nowMs, `a/${nowMs}`);
    }
    expect(ticks()).toBe(3);
    for (let nowMs = 41_000; nowMs < 71_000; nowMs += 1_000) {
      heartbeat.note(frame(1), nowMs);
      heartbeat.beat(nowMs, 'a/31000');
    }
    expect(ticks()).toBe(3);
  });

  test('marks the end of a segment by size', () => {
    const { heartbeat, written } = beating();
    heartbeat.note(frame(900), 11_000);
    expect(written).toEqual([]);
    heartbeat.note(frame(100), 11_000);
    heartbeat.note(frame(100), 11_000);
    expect(written).toEqual(['cut']);
  });

  test('marks it a minute after the last when there are data, and every ten minutes when not', () => {
    const { heartbeat, written } = beating();
    const cuts = (): number => written.filter((kind) => kind === 'cut').length;
    heartbeat.note(frame(10), 11_000);
    heartbeat.beat(69_000, null);
    expect(cuts()).toBe(0);
    heartbeat.beat(70_000, null);
    expect(cuts()).toBe(1);
    heartbeat.note(frame(5_000, 0), 71_000);
    heartbeat.beat(669_000, null);
    expect(cuts()).toBe(1);
    heartbeat.beat(670_000, null);
    expect(cuts()).toBe(2);
  });
});

const at = (seq: number) => ({ lane: 'a', ordinal: 1, seq });

describe('the lag', () => {
  test('is nothing at the end, and all before the start', () => {
    const lag = new LagIndex();
    expect(lag.behind(undefined, 5_000)).toEqual({ seconds: 0, bytes: 0 });
    lag.note(at(1), 1_000, 10);
    lag.note(at(2), 1_200, 20);
    expect(lag.behind(at(2), 9_000)).toEqual({ seconds: 0, bytes: 0 });
    expect(lag.behind(undefined, 3_000)).toEqual({ seconds: 2, bytes: 30 });
    expect(lag.behind(at(1), 2_200)).toEqual({ seconds: 1, bytes: 20 });
  });

  test('is known to a second or so, also after what was passed is forgotten', () => {
    const lag = new LagIndex();
    for (let seq = 1; seq <= 1_000; seq += 1) lag.note(at(seq), seq * 100, 50);
    for (const passed of [10, 500, 995]) {
      lag.forget(at(passed));
      const { seconds, bytes } = lag.behind(at(passed), 100_000);
      expect(Math.abs(seconds - (100 - passed / 10))).toBeLessThanOrEqual(1.1);
      expect(Math.abs(bytes - (1_000 - passed) * 50)).toBeLessThanOrEqual(550);
    }
  });
});
