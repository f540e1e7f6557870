import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { disputedEnds } from '../../src/wal/disputed-ends.ts';
import { endsAt } from '../../src/wal/ends-at.ts';
import { laneEnds } from '../../src/wal/lane-ends.ts';
import { tempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { present, TestLog } from '../kit/wal-log.ts';

/** Lanes of records, each so many milliseconds after the one before it, and whether it is written at once. */
const histories = fc.array(
  fc.array(fc.tuple(fc.constantFrom(0, 0, 1, 4), fc.boolean()), { minLength: 1, maxLength: 30 }),
  { minLength: 1, maxLength: 3 },
);

interface Written {
  readonly lane: string;
  readonly seq: number;
  readonly receivedAt: number;
}

describe('what a log had received by a moment', () => {
  test('is known to the record, lane by lane, and so is what came after', async () => {
    const property = fc.asyncProperty(histories, fc.nat(400), async (lanes, back) => {
      await using folder = await tempDirectory('ends-at');
      const clock = new ManualClock();
      const written: Written[] = [];
      // Some of it is in memory, and the rest in files.
      const options = { clock, segmentBytes: 4_096, memoryBytes: 128 * 1024 };
      let log: TestLog | undefined;
      for (const records of lanes) {
        await log?.wal.close();
        clock.pass(2);
        log = await TestLog.open(join(folder.path, 'wal'), options);
        for (const [ms, isWritten] of records) {
          clock.pass(ms);
          const { lane, seq } = present(log.append([`put m 1 ${'1'.repeat(300)} a=b`]));
          written.push({ lane, seq, receivedAt: log.wal.now() });
          if (isWritten) await log.settle();
        }
        await log.settle();
      }
      const { wal } = present(log);
      const ends = laneEnds(wal.segments, wal.durable, wal.now());
      const at = wal.now() - (back % (wal.now() - 1_700_000_000_000 + 1));
      const { lanes: then, later } = await endsAt(wal, ends, at);
      for (const { lane, seq, receivedAt } of written) {
        const isThen = then.some((end) => end.lane === lane && seq <= end.seq);
        const isLater = later.some(
          (range) => range.lane === lane && range.from <= seq && seq <= range.to,
        );
        expect([isThen, isLater]).toEqual([receivedAt <= at, receivedAt > at]);
      }
      expect(then.every(({ receivedBy }) => receivedBy <= at)).toBe(true);
      await wal.close();
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test('is known also where the wall clock was set back between two lanes', async () => {
    await using folder = await tempDirectory('ends-at');
    const clock = new ManualClock();
    const log = await TestLog.open(join(folder.path, 'wal'), { clock });
    const { wal } = log;
    await log.write(['put m 1 1 a=b']);
    const { lane, seq } = wal.durable;
    clock.pass(600);
    const at = wal.now();
    clock.pass(600);
    await log.write(['put m 2 2 a=b']);
    const last = wal.durable;
    const reachedMs = wal.now();
    clock.wall -= 3_600_000;
    await wal.maintain(undefined);
    await log.write(['put m 3 3 a=b']);
    const ends = laneEnds(wal.segments, wal.durable, wal.now());
    expect(ends.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    const { lanes, later } = await endsAt(wal, ends, at);
    expect(lanes[0]).toMatchObject({ lane, seq, receivedBy: at });
    expect(later).toEqual([{ lane, from: seq + 1, to: last.seq }]);
    const [first, second] = await disputedEnds(wal, ends);
    expect(first?.receivedBy).toBeGreaterThanOrEqual(reachedMs);
    expect(second).toEqual(ends[1]);
    await wal.close();
  });

  test('is refused when the files that would tell are gone', async () => {
    await using folder = await tempDirectory('ends-at');
    const clock = new ManualClock();
    const directory = join(folder.path, 'wal');
    const options = { clock, segmentBytes: 4_096, memoryBytes: 128 * 1024 };
    const first = await TestLog.open(directory, options);
    for (let n = 0; n < 60; n += 1) {
      clock.pass(10);
      await first.write([`put m ${n} ${'1'.repeat(300)} a=b`]);
    }
    const [oldest] = first.wal.segments;
    const startMs = oldest?.createdAt ?? 0;
    await first.wal.close();
    await rm(oldest?.path ?? '');
    clock.pass(10);
    const log = await TestLog.open(directory, options);
    const ends = laneEnds(log.wal.segments, log.wal.durable, log.wal.now());
    await expect(endsAt(log.wal, ends, startMs + 5)).rejects.toMatchObject({
      code: 'TIME_UNREACHABLE',
    });
    const late = await endsAt(log.wal, ends, log.wal.now());
    expect(late.later).toEqual([]);
    await log.wal.close();
  });

  test('is refused when the log begins with a lane that began since', async () => {
    await using folder = await tempDirectory('ends-at');
    const clock = new ManualClock();
    const directory = join(folder.path, 'wal');
    const first = await TestLog.open(directory, { clock });
    await first.write(['put m 1 1 a=b']);
    const at = first.wal.now();
    clock.pass(10);
    // It is later than the moment, and gone: nobody could say that it is undone.
    await first.write(['put m 2 2 a=b']);
    const gone = first.wal.segments;
    await first.wal.close();
    clock.pass(10);
    const second = await TestLog.open(directory, { clock });
    await second.write(['put m 3 3 a=b']);
    const early = laneEnds(second.wal.segments, second.wal.durable, second.wal.now());
    expect((await endsAt(second.wal, early, at)).later).toHaveLength(2);
    await second.wal.close();
    for (const { path } of gone) await rm(path);
    clock.pass(10);
    const log = await TestLog.open(directory, { clock });
    await log.write(['put m 4 4 a=b']);
    const ends = laneEnds(log.wal.segments, log.wal.durable, log.wal.now());
    expect(ends.map(({ ordinal }) => ordinal)).toEqual([2, 3]);
    await expect(endsAt(log.wal, ends, at)).rejects.toMatchObject({ code: 'TIME_UNREACHABLE' });
    await log.wal.close();
  });
});
