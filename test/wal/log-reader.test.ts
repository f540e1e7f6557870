import { join } from 'node:path';
import { expect, test } from 'vitest';
import { comparePositions, type Position } from '../../src/record/position.ts';
import { LogReader } from '../../src/wal/log-reader.ts';
import { tempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { TestLog } from '../kit/wal-log.ts';

const STEP_MS = 60_000;
const STEPS = 30;

test('all that was received since a time comes after what is said of it, and little else', async () => {
  await using folder = await tempDirectory('log-reader');
  const clock = new ManualClock();
  const directory = join(folder.path, 'wal');
  const log = await TestLog.open(directory, { clock, segmentBytes: 1_500 });
  const reader = new LogReader(log.wal);
  const written: { position: Position; ms: number }[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    clock.pass(STEP_MS);
    const write = await log.write([`put m ${step} 1 a=${'x'.repeat(400)}`]);
    if (write?.durable === true) written.push({ position: write.position, ms: clock.wall });
  }
  expect(written.length).toBe(STEPS);
  expect(log.wal.segments.length).toBeGreaterThan(5);
  for (const { position, ms } of written) {
    const before = reader.before(ms);
    expect(before && comparePositions(before, position)).toBeLessThan(0);
    // One file holds three.
    expect(position.seq - (before?.seq ?? 0)).toBeLessThan(8);
  }
  expect(reader.before(0)).toEqual({ ...written[0]?.position, seq: 0 });
  await log.wal.close();
});
