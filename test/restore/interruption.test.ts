import { describe, expect, test } from 'vitest';
import { isThere } from '../../src/runtime/is-there.ts';
import { START_MS } from './kit/histories.ts';
import { InterruptedScene } from './kit/interrupted-scene.ts';

const NOTHING_SENT =
  'This run sent nothing: the same command begins anew, or goes on where an earlier run of it stood.';

/** What an interruption says, with the words of its hint. */
function says(message: string, hint: string): object {
  const told: unknown = expect.stringContaining(hint);
  return { code: 'RESTORE_INTERRUPTED', message, hint: told };
}

describe('a restore that is interrupted', () => {
  test('before it has listed anything says that nothing was sent, and leaves nothing', async () => {
    await using scene = await InterruptedScene.open();
    const run = scene.restore({}, { signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject(says('the restore was interrupted', NOTHING_SENT));
    expect(scene.tsd.points).toEqual([]);
    expect(await isThere(scene.work)).toBe(false);
  });

  test('once it is planned, too, and asks the target nothing more', async () => {
    await using scene = await InterruptedScene.open();
    const stop = new AbortController();
    const run = scene.restore({}, stop, ({ event }) => {
      if (event === 'planned') stop.abort();
    });
    await expect(run).rejects.toMatchObject(says('the restore was interrupted', NOTHING_SENT));
    expect(scene.told('target')).toBe(false);
    expect(scene.tsd.points).toEqual([]);
    expect(await isThere(scene.work)).toBe(false);
  });

  test('while it loads says with which directory the same command goes on, and to which moment', async () => {
    await using scene = await InterruptedScene.open();
    await expect(scene.interrupted()).rejects.toMatchObject(
      says(
        'the restore was interrupted',
        `The same command, in the same directory or with the same --work, goes on where it stood, at --to ${START_MS + 5} (${scene.work}/restore-`,
      ),
    );
    expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
  });

  test('while it compares says that everything is loaded', async () => {
    await using scene = await InterruptedScene.open();
    const stop = new AbortController();
    scene.tsd.faults.query = () => {
      if (scene.tsd.points.length === 0) return undefined;
      stop.abort();
      return { status: 200, body: 'torn' };
    };
    await expect(scene.restore({}, stop)).rejects.toMatchObject(
      says('the restore was interrupted', 'Everything is loaded, and not compared to its end. '),
    );
    delete scene.tsd.faults.query;
    expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
  });
});

test('a dry run that is interrupted promises nothing to go on with', async () => {
  await using scene = await InterruptedScene.open();
  await expect(scene.interrupted()).rejects.toMatchObject({ code: 'RESTORE_INTERRUPTED' });
  const stop = new AbortController();
  const run = scene.restore({ isDryRun: true }, stop, ({ event }) => {
    if (event === 'planned') stop.abort();
  });
  await expect(run).rejects.toMatchObject(
    says(
      'the dry run was interrupted',
      'It sent nothing and kept nothing: the same command begins anew.',
    ),
  );
});
