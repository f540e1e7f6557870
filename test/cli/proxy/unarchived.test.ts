import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { writeArchiveHome } from '../../../src/archive/archive-home.ts';
import { Unarchived } from '../../../src/cli/proxy/unarchived.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { DirectoryLock } from '../../../src/wal/directory-lock.ts';
import { tempDirectory } from '../../kit/temp.ts';

test('archive off, where there was an archive, is told until somebody archives', async () => {
  await using folder = await tempDirectory('unarchived');
  const data = folder.path;
  const warned: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (text) => void warned.push(text) });
  const open = async (flags: Record<string, string>): Promise<Unarchived> =>
    Unarchived.open(await loadConfig({ environment: {}, flags: { data, ...flags } }), logger);
  expect((await open({ archive: 'off' })).troubles).toEqual([]);
  const lane = '0123456789abcdef';
  await writeArchiveHome(data, { repository: lane, place: '/mnt/archive', lane, ordinal: 1 });
  expect((await open({ archive: 'on' })).troubles).toEqual([]);
  expect((await open({ archive: 'off', 'kafka.brokers': 'kafka:9092' })).troubles).toEqual([]);
  expect(warned).toEqual([]);
  const unarchived = await open({ archive: 'off' });
  const says = 'nothing is archived: archive is off, though this directory was archived to /mnt';
  expect(unarchived.troubles).toEqual([expect.stringContaining(says)]);
  await unarchived.look();
  expect(warned).toEqual([expect.stringContaining(says)]);
  await mkdir(join(data, 'archiver'));
  const lock = await DirectoryLock.acquire(join(data, 'archiver'));
  await unarchived.look();
  expect(unarchived.troubles).toEqual([]);
  await lock.release();
  await unarchived.look();
  expect(unarchived.troubles).toHaveLength(1);
  expect(warned).toHaveLength(2);
});
