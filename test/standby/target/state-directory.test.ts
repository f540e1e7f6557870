import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StateDirectory } from '../../../src/standby/target/state-directory.ts';
import { tempDirectory } from '../../kit/temp.ts';

const TARGET = new URL('http://tsdb-2:4242');
const damaged = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ object: `object ${n}`, reason: 'cut' }));

test('what is to be written down while something is being written comes with one write', async () => {
  await using folder = await tempDirectory('state');
  const state = await StateDirectory.open(folder.path, TARGET, false);
  const first = state.save({ isPaused: true });
  await Promise.resolve();
  const second = state.save({ damaged: damaged(1) });
  const rest = [2, 3, 4].map((count) => state.save({ damaged: damaged(count) }));
  const last = state.save({ sentToMs: 7 });
  await first;
  expect(state.state).toMatchObject({ isPaused: true, damaged: [] });
  await second;
  expect(state.state).toMatchObject({ isPaused: true, damaged: damaged(4), sentToMs: 7 });
  await Promise.all([...rest, last]);
  await state.close();
  const next = await StateDirectory.open(folder.path, TARGET, false);
  expect(next.state).toEqual(state.state);
  await next.close();
});

test('what could not be written down is told to all who asked, and is no part of what is written next', async () => {
  await using folder = await tempDirectory('state');
  const state = await StateDirectory.open(folder.path, TARGET, false);
  const file = join(folder.path, 'standby.json');
  await state.save({ sentToMs: 7 });
  await rm(file);
  await mkdir(file);
  const saves = [state.save({ isPaused: true }), state.save({ sentToMs: 8 })];
  const ends = await Promise.allSettled(saves);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await rmdir(file);
  await state.save({ damaged: damaged(1) });
  expect(state.state).toMatchObject({ isPaused: false, sentToMs: 7, damaged: damaged(1) });
  await state.close();
});
