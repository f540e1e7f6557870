import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFollowed } from '../../../src/cli/standby/followed.ts';
import { retire } from '../../../src/cli/history/lane-retire.ts';
import { parseStandby } from '../../../src/cli/standby/standby-request.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { Cursor } from '../../../src/wal/cursor.ts';
import { ArchiveRig, line } from '../../archive/archive-rig.ts';
import { TestLog } from '../../kit/wal-log.ts';
import { readAll } from '../../standby/reads.ts';

test('a change that went round the log is told also when a repository is followed', async () => {
  await using rig = await ArchiveRig.create();
  const log = await TestLog.open(rig.wal);
  await log.write(line(0));
  log.wal.appendControl({ kind: 'bypass', method: 'POST', path: '/api/tree', source: '::1' });
  await log.write(line(1));
  const { lane } = log.wal.durable;
  await log.wal.close();
  await rig.archiveAll();
  // Everything that a lane holds is complete once it has ended.
  await retire(lane, { repository: rig.place, force: true }, () => Promise.resolve(true));
  const flags = { target: 'http://new:4242', state: join(rig.folder, 's'), repository: rig.place };
  const config = await loadConfig({ environment: {}, flags: { repository: rig.place } });
  let bypasses = 0;
  const followed = await openFollowed(parseStandby(flags, config), createLogger('error'), () => {
    bypasses += 1;
  });
  await followed.source.seek(beginningAt(null));
  const reads = await readAll(followed.source);
  await followed.source.close();
  expect(reads.filter(({ kind }) => kind === 'frame')).not.toEqual([]);
  expect(bypasses).toBe(1);
});

test('a log that goes to a topic is followed with a warning: other proxies write there, too', async () => {
  await using rig = await ArchiveRig.create();
  const log = await TestLog.open(rig.wal);
  await log.write(line(0));
  const flags = { target: 'http://new:4242', state: join(rig.folder, 's'), data: rig.data };
  const config = await loadConfig({ environment: {}, flags: { data: rig.data } });
  const warned: unknown[] = [];
  const logger = createLogger('error');
  logger.warn = (text: unknown) => void warned.push(text);
  const open = async (): Promise<void> => {
    const followed = await openFollowed(parseStandby(flags, config), logger, () => undefined);
    await followed.source.close();
  };
  await open();
  expect(warned).toEqual([]);
  const cursor = await Cursor.open(rig.data, 'kafka');
  await cursor.move(log.wal.durable);
  await open();
  expect(warned).toEqual([expect.stringContaining('what comes by them is not followed')]);
  await log.wal.close();
});
