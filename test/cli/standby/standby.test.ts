import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { AdminClient, type AdminAnswer } from '../../../src/cli/admin-client.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { StateDirectory } from '../../../src/standby/state-directory.ts';
import { freePort } from '../../kit/ports.ts';
import { tempDirectory } from '../../kit/temp.ts';

const TARGET = 'http://127.0.0.1:1';
/** Nothing listens there. */
const KAFKA = '127.0.0.1:1';

test('a state tells when it was begun with the oldest record, and what is damaged, also after others', async () => {
  await using folder = await tempDirectory('standby');
  const open = async (): Promise<StateDirectory> =>
    StateDirectory.open(folder.path, new URL(TARGET), false);
  const state = await open();
  expect(state.state.beganOldestMs).toBeUndefined();
  await state.save({ place: beginningAt(null), beganOldestMs: 5 });
  const damaged = [{ object: 'lanes/a.json', reason: 'gone' }];
  await state.save({ sentToMs: 6, damaged });
  await state.close();
  const later = await open();
  expect(later.state).toMatchObject({ beganOldestMs: 5, sentToMs: 6, damaged });
  await later.close();
});

test('a standby that was promoted tells what it contains also when it is started without its Kafka', async () => {
  await using folder = await tempDirectory('standby');
  const lanes = new Map([['a', { ordinal: 1, seq: 7, receivedAt: 5 }]]);
  const state = await StateDirectory.open(folder.path, new URL(TARGET), false);
  await state.save({
    place: { sinceMs: null, latestMs: 5, lanes },
    promotion: { kind: 'promoted', sinceMs: 6 },
  });
  await state.close();
  const admin = `127.0.0.1:${await freePort()}`;
  const flags = ['--kafka', KAFKA, '--topic', 't', '--target', TARGET, '--state', folder.path];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/main.ts', 'standby', ...flags, '--admin', admin],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  const ask = (): Promise<AdminAnswer> => new AdminClient(admin).post('/drain', { lanes: [] });
  await expect.poll(ask, { timeout: 20_000 }).toMatchObject({
    kind: 'answered',
    value: { state: 'promoted', contained: { lanes: [{ lane: 'a', seq: 7 }] } },
  });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
}, 30_000);
