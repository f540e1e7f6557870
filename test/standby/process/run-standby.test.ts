import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AdminClient, type AdminAnswer } from '../../../src/admin/admin-client.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { StateDirectory } from '../../../src/standby/target/state-directory.ts';
import { freePort } from '../../kit/ports.ts';
import { StandbyRig } from '../rig.ts';
import { tempDirectory } from '../../kit/temp.ts';

const TARGET = 'http://127.0.0.1:1';
/** Nothing listens there. */
const KAFKA = '127.0.0.1:1';

test('a state tells when it was begun with the oldest record, and what is damaged, also after others', async () => {
  await using folder = await tempDirectory('standby');
  const state = await open(folder.path);
  expect(state.state.beganOldestMs).toBeUndefined();
  await state.save({ place: beginningAt(null), beganOldestMs: 5 });
  const damaged = [{ object: 'lanes/a.json', reason: 'gone' }];
  await state.save({ sentToMs: 6, damaged });
  await state.close();
  const later = await open(folder.path);
  expect(later.state).toMatchObject({ beganOldestMs: 5, sentToMs: 6, damaged });
  await later.close();
});

describe.concurrent('the topic of a state', () => {
  test('is the only one that it goes on with', async () => {
    await using folder = await tempDirectory('standby');
    await followed(folder.path, 'one');
    await expect(open(folder.path, 'main')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${folder.path} follows the topic one, not main`,
      hint: expect.stringContaining('--begin 2026-05-28T20:25:40.000Z') as string,
    });
    const flags = ['--kafka', KAFKA, '--topic', 'main', '--target', TARGET, '--state', folder.path];
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'standby', ...flags]);
    expect(await once(child, 'exit')).toEqual([2, null]);
    const own = await open(folder.path, 'one');
    expect(own.state.place?.latestMs).toBe(1_780_000_000_000);
    await own.close();
    // By its repository meanwhile.
    await (await open(folder.path)).close();
    await expect(open(folder.path, 'main')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('is any where none was told before, as by a repository or an earlier version', async () => {
    await using folder = await tempDirectory('standby');
    await followed(folder.path, undefined);
    const later = await open(folder.path, 'main');
    expect(later.state.place?.latestMs).toBe(1_780_000_000_000);
    await later.close();
  });

  test('was a mistake without consequences where the target never answered', async () => {
    await using folder = await tempDirectory('standby');
    const first = await open(folder.path, 'mistyped');
    await first.save({ topic: 'mistyped', place: beginningAt(5), isPaused: true });
    await first.close();
    const later = await open(folder.path, 'main');
    expect(later.insteadOf).toMatchObject({ topic: 'mistyped' });
    expect(later.state).toMatchObject({ isPaused: true, place: undefined, topic: undefined });
    await later.close();
  });
});

test('a standby that was promoted tells what it contains also when it is started without its Kafka', async () => {
  await using folder = await tempDirectory('standby');
  const lanes = new Map([['a', { ordinal: 1, seq: 7, receivedAt: 5 }]]);
  const state = await StateDirectory.open(folder.path, new URL(TARGET), false);
  await state.save({
    place: { sinceMs: null, latestMs: 5, lanes },
    promotion: { kind: 'promoted', sinceMs: 6 },
    // The flag stands in a unit, as it was needed once.
    wasToldAgain: true,
  });
  await state.close();
  const admin = `127.0.0.1:${await freePort()}`;
  const flags = ['--kafka', KAFKA, '--topic', 't', '--target', TARGET, '--state', folder.path];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/main.ts', 'standby', ...flags, '--admin', admin, '--follow-again'],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  const ask = (): Promise<AdminAnswer> => new AdminClient(admin).post('/drain', { lanes: [] });
  await expect.poll(ask).toMatchObject({
    kind: 'answered',
    value: { state: 'promoted', contained: { lanes: [{ lane: 'a', seq: 7 }] } },
  });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('a standby whose target is past the time to stop at says so, and fails', async () => {
  await using folder = await tempDirectory('standby');
  await followed(folder.path, 't');
  const flags = ['--kafka', KAFKA, '--topic', 't', '--target', TARGET, '--state', folder.path];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/main.ts', 'standby', ...flags, '--stop-at', '2026-05-01T00:00:00Z'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said, ended] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(said).toContain('contains what was received up to 2026-05-28T20:26:40.000Z, which is');
  expect(ended).toEqual([3, null]);
});

test('a standby is ready until it is paused, again once it goes on, and no more once it was promoted', async () => {
  await using folder = await tempDirectory('standby');
  await using rig = await StandbyRig.open();
  const admin = `127.0.0.1:${await freePort()}`;
  const flags = ['--data', rig.data, '--target', rig.tsd.url, '--state', folder.path];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/main.ts', 'standby', ...flags, '--admin', admin],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  const client = new AdminClient(admin);
  const becomes = (status: number): Promise<void> =>
    expect
      .poll(() => fetch(`http://${admin}/ready`).then((answer) => answer.status, String), {
        timeout: 30_000,
      })
      .toBe(status);
  await becomes(200);
  await client.post('/pause');
  await becomes(503);
  await client.post('/resume');
  await becomes(200);
  await client.post('/drain', { lanes: [] });
  await becomes(503);
  const { startTime } = rig.tsd;
  expect(await client.post('/target/probe')).toEqual({
    kind: 'answered',
    value: { trouble: null, startedAt: [new Date(startTime).toISOString()] },
  });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

async function open(path: string, topic?: string): Promise<StateDirectory> {
  return StateDirectory.open(path, new URL(TARGET), false, topic);
}

/** As of a standby that follows it, at an OpenTSDB that answers. */
async function followed(path: string, topic: string | undefined): Promise<void> {
  const state = await open(path, topic);
  await state.save({ topic, place: beginningAt(1_780_000_000_000), isReached: true });
  await state.close();
}
