import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Fabricated } from '../restore/kit/fabricated.ts';
import { busyLane, faultsOf, LANES, LATE, levelsOf, minutesOf, segmentsIn } from './kit/merging.ts';

const ROUNDS_MAX = 12;
const program = fileURLToPath(new URL('kit/merge-process.ts', import.meta.url));

/** Returns how it ended; it is killed so many milliseconds after it began to merge, unless it was done by then. */
async function mergeAndKill(made: Fabricated, afterMs: number): Promise<string> {
  const { repository, scratch } = made;
  const node = ['--import', 'tsx', program, repository.store.root, scratch];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  await Promise.race([sleep(afterMs), exited]);
  child.kill('SIGKILL');
  const [code, signal] = (await exited) as [number | null, string | null];
  return signal ?? `code ${code}`;
}

test('kill -9 at any moment leaves nothing that looks whole and is not, and the next merger goes on', async () => {
  await using made = await Fabricated.create();
  await made.write([busyLane(LANES[0], LATE, 7)], minutesOf);
  let ended = '';
  for (let round = 0; ended !== 'code 0' && round < ROUNDS_MAX; round += 1) {
    // Longer from round to round, so that it is done at last.
    ended = await mergeAndKill(made, Math.random() * 50 * 2 ** round);
    expect(['code 0', 'SIGKILL']).toContain(ended);
    expect(await faultsOf(made.repository)).toEqual([]);
  }
  expect(levelsOf((await segmentsIn(made.repository)).get(LANES[0]) ?? [])).toEqual([
    'day',
    'minute',
  ]);
});
