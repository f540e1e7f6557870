import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFollowed } from '../../../src/standby/process/followed.ts';
import { retire } from '../../../src/cli/history/lane-retire.ts';
import { parseStandby } from '../../../src/cli/standby/parse-standby.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createLogger, type Logger } from '../../../src/runtime/logger.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { StateDirectory } from '../../../src/standby/target/state-directory.ts';
import { Cursor } from '../../../src/wal/cursor.ts';
import { ArchiveRig, line, writeLane } from '../../archive/archive-rig.ts';
import { TestLog } from '../../kit/wal-log.ts';
import { harmSegments, sidecarsOf } from '../../restore/kit/harm-segments.ts';
import { readAll } from '../reads.ts';

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

test('what is damaged in a repository that is followed is written down', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 120, 60);
  await rig.archiveAll();
  await harmSegments(rig.repository, (n) => (n === 0 ? 'data other' : undefined));
  const target = 'http://new:4242';
  const flags = { target, state: join(rig.folder, 's'), repository: rig.place };
  const config = await loadConfig({ environment: {}, flags: { repository: rig.place } });
  const state = await StateDirectory.open(flags.state, new URL(target), false);
  const request = parseStandby(flags, config);
  const logger = { error: () => undefined } as unknown as Logger;
  const followed = await openFollowed(request, logger, () => undefined, state);
  await followed.source.seek(beginningAt(null));
  const reads = await readAll(followed.source);
  expect(reads.map(({ kind }) => kind)).toContain('hole');
  await followed.source.close();
  await state.close();
  const [sidecar] = await sidecarsOf(rig.repository);
  expect(state.state.damaged).toEqual([{ object: sidecar, reason: expect.any(String) as string }]);
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

test('what the proxy of a log feeds itself is no target of a standby', async () => {
  await using rig = await ArchiveRig.create();
  const log = await TestLog.open(rig.wal);
  await log.write(line(0));
  const { durable } = log.wal;
  await log.wal.close();
  const config = await loadConfig({ environment: {}, flags: { data: rig.data } });
  const flags = { state: join(rig.folder, 's'), data: rig.data };
  const open = async (target: string): Promise<void> => {
    const request = parseStandby({ ...flags, target }, config);
    const state = await StateDirectory.open(flags.state, new URL(target), true);
    try {
      const { source } = await openFollowed(request, createLogger('error'), () => undefined, state);
      await source.close();
    } finally {
      await state.close();
    }
  };
  const cursor = await Cursor.open(rig.data, 'primary');
  cursor.belongTo('http://old:4242');
  await cursor.move(durable);
  await open('http://new:4242');
  await expect(open('http://old:4242')).rejects.toMatchObject({
    code: 'TARGET_IS_PRIMARY',
    message: `--target http://old:4242 is what the proxy of ${rig.data} feeds itself`,
  });
  // Its target was made the primary.
  const state = await StateDirectory.open(flags.state, new URL('http://old:4242'), true);
  await state.save({ promotion: { kind: 'promoted', sinceMs: 6 } });
  await state.close();
  await open('http://old:4242');
});
