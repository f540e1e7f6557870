import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FramePacker } from '../../src/kafka/frame-packer.ts';
import { tempDirectory } from '../kit/temp.ts';
import { present, TestLog } from '../kit/wal-log.ts';

test('a message has all that waits, or one frame where only the lane is to be known', async () => {
  await using folder = await tempDirectory('frame-packer');
  const log = await TestLog.open(join(folder.path, 'wal'));
  for (let n = 0; n < 5; n += 1) await log.write([`put m ${n} 1 a=b`]);
  const { durable } = log.wal;
  const packer = new FramePacker({ log: log.wal, host: 'h', onHole: () => undefined });
  const start = { ...durable, seq: 0 };
  const ahead = await packer.next(start, 'one frame');
  expect(ahead?.frame.body.toString()).toContain('!open');
  const { firstSeq, lastSeq } = present(ahead).frame;
  expect([firstSeq, lastSeq < durable.seq]).toEqual([1, true]);
  // Sent again, it is the same; and nothing is passed over.
  expect(await packer.next(start, 'one frame')).toMatchObject({ last: { seq: lastSeq } });
  expect(await packer.next(start)).toMatchObject({ frame: { firstSeq: 1 }, last: durable });
  await packer.close();
  await log.wal.close();
});
