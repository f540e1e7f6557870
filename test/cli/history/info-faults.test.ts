import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  formatDataName,
  formatSidecarName,
  type SegmentName,
} from '../../../src/archive/format/object-names.ts';
import { createRepository } from '../../../src/archive/repository.ts';
import { showInfo } from '../../../src/cli/history/info.ts';
import type { Info } from '../../../src/cli/history/info-contract.ts';
import { writeLane } from '../../archive/archive-rig.ts';
import { hastyStore, putBegin, putSegment } from '../../kit/repository.ts';
import { LogScene } from '../../restore/kit/log-scene.ts';
import { type TempDirectory, tempDirectory } from '../../kit/temp.ts';

const START = Date.parse('2025-06-01T12:00:00.000Z');
const LANE = '00112233445566ff';

const segment = (minute: number): SegmentName => ({
  lane: LANE,
  level: 'minute',
  firstSeq: minute * 100 - 99,
  lastSeq: minute * 100,
  fromMs: START + (minute - 1) * 60_000,
  toMs: START + minute * 60_000,
});

/** Three minutes of a lane, unless told otherwise. */
async function repository(minutes: readonly number[] = [1, 2, 3]): Promise<TempDirectory> {
  const folder = await tempDirectory('info');
  const store = hastyStore(folder.path);
  await createRepository(folder.path, START, store);
  const begin = { lane: LANE, ordinal: 1, firstSeq: 1, openedAt: START, previous: null };
  await putBegin(store, { ...begin, reason: 'start', disputed: null, host: 'tsdb-1' });
  for (const minute of minutes) await putSegment(store, segment(minute));
  return folder;
}

async function show(place: string): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await showInfo({ repository: place, index: true }, (more) => {
    text += more;
    return Promise.resolve(true);
  });
  return { code, text };
}

test('info tells the safe time from what `restore --to safe` brings back, where there is a hole', async () => {
  await using folder = await repository();
  const whole = await show(folder.path);
  expect(whole.text).not.toContain('--to safe');
  await rm(join(folder.path, formatSidecarName(segment(2))));
  const { code, text } = await show(folder.path);
  expect(code).toBe(4);
  expect(text).toContain('safe time: 2025-06-01T12:02:59.999Z, ');
  expect(text).toContain('`restore --to safe` brings back the state of 2025-06-01T12:00:59.999Z,');
  await rm(join(folder.path, formatSidecarName(segment(1))));
  expect((await show(folder.path)).text).toContain('brings back nothing, before the first hole');
});

test('info tells of no hole in a repository that is new', async () => {
  await using folder = await repository([]);
  const { code, text } = await show(folder.path);
  expect(code).toBe(0);
  expect(text).toContain('nothing is archived yet');
  expect(text).not.toContain('--to safe');
});

test('info tells of a safe time that the clock of a proxy has set ahead of this one', async () => {
  await using folder = await repository();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(START);
  try {
    const { text } = await show(folder.path);
    expect(text).toMatch(/^safe time: \S+, 3 min ahead of this clock$/m);
  } finally {
    clock.mockRestore();
  }
});

test('info exits with 7 when data are gone, and what needs them is not restorable', async () => {
  await using folder = await repository();
  const data = formatDataName(segment(2), '89abcdef');
  await rm(join(folder.path, data));
  const { code, text } = await show(folder.path);
  expect(code).toBe(7);
  expect(text).toContain('restorable: 2025-06-01T12:00:00.000Z to 2025-06-01T12:00:59.999Z\n');
  expect(text).toContain(`  missing ${data}: it is missing\n`);
  expect(text).toContain('`restore --to 2025-06-01T12:00:59.999Z` brings back the state of 2');
});

test('info with the log tells what can be restored with it, where data of the repository are gone', async () => {
  await using scene = await LogScene.create();
  await writeLane(scene.rig.wal, 40, 10);
  await scene.rig.archiveAll();
  await scene.harm((index) => (index === 1 ? 'data gone' : undefined));
  let text = '';
  const print = (more: string): Promise<boolean> => {
    text += more;
    return Promise.resolve(true);
  };
  const { data } = scene.rig;
  expect(await showInfo({ data, index: true, json: true }, print)).toBe(7);
  const info = JSON.parse(text) as Info;
  expect(info.holes).toMatchObject([
    { reason: expect.stringMatching(/\.parquet is missing$/) as string },
  ]);
  const plan = (await scene.restore({ kind: 'safe' })).plan;
  expect(info.log).toMatchObject({ points: 10, holes: [] });
  // Nobody writes the log: all that is ever to come is later.
  expect(Date.parse(info.log?.restorable[0]?.to ?? '')).toBeGreaterThan(plan.toMs);
  expect(Date.parse(info.safeTarget ?? '')).toBeLessThan(plan.toMs);
  text = '';
  await showInfo({ data, index: true }, print);
  expect(text).toContain('  holes with it: none\n');
});
