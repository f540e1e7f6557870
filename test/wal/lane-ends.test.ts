import { join } from 'node:path';
import { expect, test } from 'vitest';
import { laneEnds } from '../../src/wal/lane-ends.ts';
import { tempDirectory } from '../kit/temp.ts';
import { present, TestLog } from '../kit/wal-log.ts';
import { ManualClock } from '../kit/wal-clock.ts';

test('each lane of a log ends with its last record, and was received by when the next one began', async () => {
  await using folder = await tempDirectory('lane-ends');
  const clock = new ManualClock();
  const options = { clock, segmentBytes: 4_096 };
  const directory = join(folder.path, 'wal');
  const first = await TestLog.open(directory, options);
  for (let n = 0; n < 100; n += 1) await first.write([`put m ${n} ${'1'.repeat(80)} a=b`]);
  const { lane } = first.wal.durable;
  await first.wal.close();
  const closed = first.wal.durable;
  clock.pass(5_000);
  const second = await TestLog.open(directory, options);
  const { position } = present(await second.write(['put m 1 1 a=b']));
  const { segments } = second.wal;
  expect(segments.length).toBeGreaterThan(2);
  const nowMs = second.wal.now();
  await second.write(['put m 2 1 a=b']);
  const [one, two, ...rest] = laneEnds(segments, position, nowMs);
  expect(one).toEqual({
    lane,
    ordinal: 1,
    firstSeq: 1,
    seq: closed.seq,
    receivedBy: segments.at(-1)?.createdAt,
  });
  expect(two).toEqual({ ...position, firstSeq: 1, receivedBy: nowMs });
  expect(rest).toEqual([]);
  // As it was before the second lane.
  expect(laneEnds(segments, { ...closed, seq: 50 }, 7)).toMatchObject([{ seq: 50, receivedBy: 7 }]);
  await second.wal.close();
});
