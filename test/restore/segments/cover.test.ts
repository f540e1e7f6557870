import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Level, SegmentName } from '../../../src/archive/format/object-names.ts';
import { coverLane, type LaneCover } from '../../../src/restore/segments/cover.ts';

const LANE = '0123456789abcdef';

/** Minutes with ends in increasing time, merged at random into hours and these into days, some of all missing. */
const histories = fc
  .record({
    minutes: fc.array(
      fc.record({
        records: fc.integer({ min: 1, max: 5 }),
        ms: fc.integer({ min: 0, max: 3 }),
        isThere: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    ),
    hours: runs(),
    days: runs(),
    throughMs: fc.integer({ min: 990, max: 1_100 }),
  })
  .map(({ minutes, hours, days, throughMs }) => {
    const all: SegmentName[] = [];
    let at = { seq: 1, ms: 1_000 };
    for (const { records, ms } of minutes) {
      all.push(segment('minute', [at.seq, at.seq + records - 1], [at.ms, at.ms + ms]));
      at = { seq: at.seq + records, ms: at.ms + ms };
    }
    const segments = [
      ...all.filter((_, index) => minutes[index]?.isThere),
      ...merge('hour', all, hours),
      ...merge('day', all, days),
    ];
    return { segments, throughMs };
  });

describe('the cover of a lane', () => {
  test('takes each sequence that there is exactly once, and names the others', () => {
    fc.assert(
      fc.property(histories, ({ segments, throughMs }) => {
        const cover = coverLane(LANE, segments, 1, throughMs);
        const held = new Set(segments.flatMap(sequencesOf));
        const taken = usesOf(cover).flatMap(sequencesOf);
        expect(taken).toEqual([...held].toSorted((a, b) => a - b));
        const end = Math.max(0, ...held);
        const gaps = cover.gaps.flatMap(sequencesOf);
        expect(gaps).toEqual(upTo(end).filter((seq) => !held.has(seq)));
      }),
    );
  });

  test('reads for points all that may have been received by the time, and of what was not only one segment', () => {
    fc.assert(
      fc.property(histories, ({ segments, throughMs }) => {
        const { points, later } = coverLane(LANE, segments, 1, throughMs);
        const lastPoint = points.at(-1)?.lastSeq ?? 0;
        // A record is surely late when a segment that ends before it ends late, or one that it is in begins late.
        for (const use of later) {
          const isAfterLate = segments.some(
            ({ toMs, lastSeq }) => toMs > throughMs && lastSeq < use.firstSeq,
          );
          expect(isAfterLate || use.segment.fromMs > throughMs).toBe(true);
          expect(use.firstSeq).toBeGreaterThan(lastPoint);
        }
        expect(points.slice(0, -1).every((use) => use.segment.toMs <= throughMs)).toBe(true);
      }),
    );
  });

  test('prefers the largest that ends by the time, then the smallest across it', () => {
    const segments = [
      segment('day', [1, 100], [0, 1_000]),
      segment('hour', [1, 10], [0, 100]),
      segment('hour', [11, 20], [100, 200]),
      ...[11, 13, 15, 17, 19].map((seq) =>
        segment('minute', [seq, seq + 1], [seq * 10 - 10, seq * 10 + 10]),
      ),
    ];
    const { points, later, gaps } = coverLane(LANE, segments, 1, 155);
    expect(points.map(show)).toEqual(['hour 1-10', 'minute 11-12', 'minute 13-14', 'minute 15-16']);
    expect(later.map(show)).toEqual(['day 17-100']);
    expect(gaps).toEqual([]);
  });

  test('clips a segment that another one overlaps', () => {
    const segments = [segment('minute', [1, 10], [0, 100]), segment('minute', [6, 20], [50, 200])];
    expect(coverLane(LANE, segments, 3, 500).points.map(show)).toEqual([
      'minute 3-10',
      'minute 11-20',
    ]);
  });

  test('takes a million minutes in good time', () => {
    const segments = Array.from({ length: 1_000_000 }, (_, n) =>
      segment('minute', [n * 10 + 1, n * 10 + 10], [n * 60_000, (n + 1) * 60_000]),
    );
    expect(coverLane(LANE, segments, 1, 5e10).gaps).toEqual([]);
  });
});

function runs(): fc.Arbitrary<readonly { skip: number; take: number }[]> {
  const run = fc.record({
    skip: fc.integer({ min: 0, max: 3 }),
    take: fc.integer({ min: 1, max: 6 }),
  });
  return fc.array(run, { maxLength: 4 });
}

function merge(
  level: Level,
  minutes: readonly SegmentName[],
  of: readonly { skip: number; take: number }[],
): SegmentName[] {
  const merged: SegmentName[] = [];
  let at = 0;
  for (const { skip, take } of of) {
    const part = minutes.slice(at + skip, at + skip + take);
    at += skip + take;
    const [first] = part;
    const last = part.at(-1);
    if (first === undefined || last === undefined) break;
    merged.push(segment(level, [first.firstSeq, last.lastSeq], [first.fromMs, last.toMs]));
  }
  return merged;
}

function segment(
  level: Level,
  [firstSeq, lastSeq]: readonly [number, number],
  [fromMs, toMs]: readonly [number, number],
): SegmentName {
  return { lane: LANE, level, firstSeq, lastSeq, fromMs, toMs };
}

function usesOf({ points, later }: LaneCover): LaneCover['points'] {
  return [...points, ...later];
}

function sequencesOf({ firstSeq, lastSeq }: { firstSeq: number; lastSeq: number }): number[] {
  return upTo(lastSeq).slice(firstSeq - 1);
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, index) => index + 1);
}

function show(use: LaneCover['points'][number]): string {
  return `${use.segment.level} ${use.firstSeq}-${use.lastSeq}`;
}
