import { describe, expect, test } from 'vitest';
import { InterruptedScene } from './kit/interrupted-scene.ts';

describe('a restore that was interrupted, of a state that has changed since', () => {
  test('is refused where the target holds what was written, if only of what was refused meanwhile', async () => {
    await using scene = await InterruptedScene.open();
    await expect(scene.interrupted()).rejects.toMatchObject({ code: 'RESTORE_INTERRUPTED' });
    scene.store('x');
    await scene.refuse();
    await expect(scene.restore()).rejects.toMatchObject({
      code: 'TARGET_UNUSABLE',
      message: expect.stringContaining(
        'it holds data already, of x: since an interrupted run',
      ) as string,
      hint: expect.stringContaining('Restore into empty tables') as string,
    });
    // It stays refused, until there are new tables.
    await expect(scene.restore()).rejects.toMatchObject({ code: 'TARGET_UNUSABLE' });
    scene.tsd.storage.empty();
    expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: false });
    expect(scene.told('restarting')).toBe(true);
    expect(scene.tsd.points.map(({ metric }) => metric)).not.toContain('x');
  });

  test('goes on where it is the same', async () => {
    await using scene = await InterruptedScene.open();
    await expect(scene.interrupted()).rejects.toMatchObject({ code: 'RESTORE_INTERRUPTED' });
    scene.store('x');
    expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
    expect(scene.told('restarting')).toBe(false);
  });
});
