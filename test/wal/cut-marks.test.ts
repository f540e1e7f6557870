import { describe, expect, test } from 'vitest';
import type { Control } from '../../src/record/control.ts';
import { CutMarks } from '../../src/wal/cut-marks.ts';
import type { RingFrame } from '../../src/wal/frame-ring.ts';

function marking(): { marks: CutMarks; written: string[] } {
  const written: string[] = [];
  const wal = {
    appendControl: ({ kind }: Control) => {
      written.push(kind);
      return { lane: 'a', ordinal: 1, seq: written.length };
    },
  };
  const options = { wal, cutBytes: 1_000, cutIntervalMs: 60_000 };
  return { marks: new CutMarks(options, 10_000), written };
}

function frame(bytes: number, mutations = 1): RingFrame {
  const position = { lane: 'a', ordinal: 1, firstSeq: 1, lastSeq: 1, start: 0, chain: 0 };
  const body = { bytes: Buffer.alloc(bytes), bodyBytes: bytes, lastReceivedAt: 0 };
  return { ...position, ...body, mutations, durable: true };
}

describe('cut marks', () => {
  test('end a segment by size', () => {
    const { marks, written } = marking();
    marks.note(frame(900), 11_000);
    expect(written).toEqual([]);
    marks.note(frame(100), 11_000);
    marks.note(frame(100), 11_000);
    expect(written).toEqual(['cut']);
  });

  test('end it a minute after the last when there are data, and every ten minutes when not', () => {
    const { marks, written } = marking();
    marks.note(frame(10), 11_000);
    marks.beat(69_000);
    expect(written.length).toBe(0);
    marks.beat(70_000);
    expect(written.length).toBe(1);
    marks.note(frame(5_000, 0), 71_000);
    marks.beat(669_000);
    expect(written.length).toBe(1);
    marks.beat(670_000);
    expect(written.length).toBe(2);
  });
});
