import { expect, test } from 'vitest';
import { DurableWritePath } from '../../../src/ingest/write-path/durable-write-path.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { TestLog } from '../../kit/wal-log.ts';

test('a client is told that the log takes nothing, and neither places nor remedies', async () => {
  await using folder = await tempDirectory('unavailable');
  const why =
    'the repository is not known yet: it is gone from /mnt/x. Move DATA/archive.json away';
  const log = await TestLog.open(folder.path, { barredAtFirst: why });
  const path = new DurableWritePath({
    wal: log.wal,
    clock: systemClock,
    ack: 'wal',
    ackTimeoutMs: 1_000,
    isLive: () => false,
    onSlow: () => undefined,
    onUnlogged: () => undefined,
  });
  const lines = Buffer.from('put m 1 1 h=a\n');
  const submission = { transport: 'http', source: '127.0.0.1:1', lines, count: 1 } as const;
  const outcome = await new Promise((settle) => path.submit(submission, settle));
  expect(outcome).toEqual({
    kind: 'unavailable',
    reason: 'the repository is not known yet',
  });
  expect(log.wal.refusal).toBe(why);
  await log.wal.close();
});
