import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configOfWorker, placeWorkers, retirePlace } from '../../src/workers/worker-places.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/options.ts';
import { tempDirectory } from '../kit/temp.ts';

async function configOf(data: string, workers: number): Promise<Config> {
  const kafka = workers > 1 ? { 'kafka.brokers': 'k:9092', archive: 'off' } : {};
  return loadConfig({ environment: {}, flags: { data, workers: `${workers}`, ...kafka } });
}

test('one process is no worker, and several have a directory and an admin port each', async () => {
  await using folder = await tempDirectory();
  expect(await placeWorkers(await configOf(folder.path, 1))).toBeUndefined();
  const config = await configOf(folder.path, 2);
  const places = (await placeWorkers(config)) ?? [];
  expect(places.map(({ number, isDraining }) => [number, isDraining])).toEqual([
    [1, false],
    [2, false],
  ]);
  const own = places.map((place) => configOfWorker(config, place));
  expect(own.map(({ data }) => data)).toEqual([
    join(folder.path, 'worker-1'),
    join(folder.path, 'worker-2'),
  ]);
  expect(own.map(({ admin }) => admin.port)).toEqual([4245, 4246]);
});

test('a directory that no worker is asked for is drained, and kept under another name', async () => {
  await using folder = await tempDirectory();
  for (const number of [1, 3]) await mkdir(join(folder.path, `worker-${number}`));
  await mkdir(join(folder.path, 'worker-2.drained-1'));
  const [first, last] = (await placeWorkers(await configOf(folder.path, 1))) ?? [];
  expect(first).toMatchObject({ number: 1, isDraining: false });
  expect(last).toMatchObject({ number: 3, isDraining: true });
  if (last !== undefined) await retirePlace(last, 7);
  expect(await readdir(folder.path)).toContain('worker-3.drained-7');
});

test('a directory whose name no worker would give it is left alone', async () => {
  await using folder = await tempDirectory();
  for (const name of ['worker-0', 'worker-02', 'worker-1000']) await mkdir(join(folder.path, name));
  expect(await placeWorkers(await configOf(folder.path, 1))).toBeUndefined();
});

test('the log of a single process is not left behind', async () => {
  await using folder = await tempDirectory();
  await mkdir(join(folder.path, 'wal'));
  expect(await placeWorkers(await configOf(folder.path, 1))).toBeUndefined();
  await expect(placeWorkers(await configOf(folder.path, 2))).rejects.toThrow(/single process/);
});

test.each([
  [{ workers: '2', archive: 'off' }, /without kafka\.brokers/],
  [{ workers: '2', 'kafka.brokers': 'k:9092' }, /archive is on/],
  [
    { workers: '2', 'kafka.brokers': 'k:9092', archive: 'off', admin: '4240' },
    /64 ports after that of admin.*listen must be none/,
  ],
])('%j is refused, with what would be right', async (flags, says) => {
  await expect(loadConfig({ environment: {}, flags })).rejects.toThrow(says);
});
