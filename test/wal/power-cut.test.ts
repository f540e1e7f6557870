import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPosition } from '../../src/record/position.ts';
import { tempDirectory } from '../kit/temp.ts';
import { dataOf, readLog, TestLog, present } from '../kit/wal-log.ts';
import { PowerCutDisk } from '../kit/wal-sink.ts';

const scenario = fc.record({
  sizes: fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 40 }),
  cutAfter: fc.nat(40),
  keeps: fc.oneof(
    fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }),
    fc.nat(64).map((prefix) => Array.from({ length: 64 }, (_, sector) => sector < prefix)),
  ),
});

test('after a power cut every durable record is there, in order, and nothing that was never written', async () => {
  await using folder = await tempDirectory('cut');
  let round = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async ({ sizes, cutAfter, keeps }) => {
      round += 1;
      const directory = `${folder.path}/${round}`;
      const disk = new PowerCutDisk();
      const log = await TestLog.open(directory, { openSink: disk.open, segmentBytes: 8_000 });
      const appended: [string, string][] = [];
      for (const [n, size] of sizes.entries()) {
        const text = `put m ${n} 1 a=${'x'.repeat(size)}`;
        const position = present(log.append([text]));
        appended.push([formatPosition(position), text]);
        if (n >= cutAfter) break;
        if (size % 3 === 0) await log.settle();
        if (size % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      }
      const durable = log.wal.durable;
      let sector = 0;
      disk.cut(`${directory}-after`, () => keeps[sector++ % keeps.length] ?? false);

      const after = await TestLog.open(`${directory}-after`);
      expect(after.wal.recovered.holes).toEqual([]);
      const { entries, holes } = await readLog(after.wal);
      expect(holes).toEqual([]);
      const found = dataOf(entries);
      expect(found).toEqual(appended.slice(0, found.length));
      const acknowledged = appended.filter(
        ([position]) => Number(position.split('/')[1]) <= durable.seq,
      );
      expect(found.length).toBeGreaterThanOrEqual(acknowledged.length);
      await Promise.all([after.wal.close(), log.wal.close()]);
    }),
    { numRuns: 120 },
  );
});
