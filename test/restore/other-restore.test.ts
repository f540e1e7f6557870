import { mkdir, readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { RestoreTime } from '../../src/restore/restore-time.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { isThere } from '../../src/runtime/is-there.ts';
import { tempDirectory } from '../kit/temp.ts';
import { START_MS } from './kit/histories.ts';
import { InterruptedScene } from './kit/interrupted-scene.ts';

/** Before anything of `x` was received; by default restores are to a later moment. */
const EARLIER = { to: { kind: 'at', ms: START_MS + 1 } } as const satisfies { to: RestoreTime };
const SAFE = { to: { kind: 'safe' } } as const satisfies { to: RestoreTime };
const DRY = { isDryRun: true } as const;

describe('a restore to another moment than one that was interrupted', () => {
  test.each(['m', 'x'])(
    'is refused where the target holds what that one wrote, if only of metrics that it has not (%s)',
    async (metric) => {
      await using scene = await begun();
      scene.store(metric);
      for (const more of [
        EARLIER,
        { ...EARLIER, ...DRY },
        { ...EARLIER, allowOtherMetrics: true },
      ]) {
        await expect(scene.restore(more)).rejects.toMatchObject({
          code: 'TARGET_UNUSABLE',
          message: expect.stringMatching(
            `holds data already, of ${metric}: another restore, to ${new Date(START_MS + 5).toISOString()} \\(.*/restore-[0-9a-f]{12}\\), wrote to it`,
          ) as string,
          hint: expect.stringContaining(
            `Go on with that one by its own command, with --to ${START_MS + 5}; or restore into empty tables`,
          ) as string,
        });
      }
      // Which does go on.
      expect(await scene.restore(DRY)).toMatchObject({ outcome: 'planned' });
      expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
    },
  );

  test('goes into new tables, and the other one is not gone on with in them', async () => {
    await using scene = await begun();
    expect(await scene.restore({ ...EARLIER, ...DRY })).toMatchObject({ outcome: 'planned' });
    expect(scene.told('restarting')).toBe(false);
    expect(await scene.restore(EARLIER)).toMatchObject({ outcome: 'restored', isResumed: false });
    expect(scene.told('restarting')).toBe(true);
    await expect(scene.restore()).rejects.toMatchObject({ code: 'TARGET_UNUSABLE' });
    scene.tsd.storage.empty();
    expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: false });
  });

  test('waits for one that is under way, though the target holds nothing yet', async () => {
    await using scene = await begun();
    const [name = ''] = await readdir(scene.work);
    const lock = await DirectoryLock.acquire(`${scene.work}/${name}`);
    await expect(scene.restore(EARLIER)).rejects.toMatchObject({
      code: 'TARGET_UNUSABLE',
      message: expect.stringContaining('writes to it now') as string,
    });
    await lock.release();
    expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
  });
});

test('a restore that was interrupted is thought of where another place for work is named', async () => {
  await using scene = await begun();
  await using temp = await tempDirectory('elsewhere');
  scene.store('m');
  await expect(scene.restore({ work: temp.path })).rejects.toMatchObject({
    code: 'TARGET_UNUSABLE',
    hint: expect.stringMatching(
      `^If a restore that was interrupted wrote it, .* with its --work: .* \\(${temp.path}, where it was looked for, has none .*Otherwise restore into empty tables: `,
    ) as string,
  });
  expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
});

describe('a restore into a target that holds other metrics', () => {
  test('is refused, unless they may be there', async () => {
    await using scene = await InterruptedScene.open();
    scene.store('x');
    for (const more of [EARLIER, { ...EARLIER, ...DRY }]) {
      await expect(scene.restore(more)).rejects.toMatchObject({
        code: 'TARGET_UNUSABLE',
        message: expect.stringContaining(
          'of x, of which there was nothing at that moment',
        ) as string,
        hint: expect.stringContaining('--allow-other-metrics') as string,
      });
    }
    const allowed = { ...EARLIER, allowOtherMetrics: true };
    expect(await scene.restore(allowed)).toMatchObject({ outcome: 'restored' });
  });
});

describe('a restore into the primary that the log which is read feeds', () => {
  test('is refused where it holds data, with what it is', async () => {
    await using scene = await InterruptedScene.open();
    await using temp = await tempDirectory('fed');
    const data = temp.path;
    await mkdir(`${data}/wal`);
    const refused = { code: 'TARGET_UNUSABLE' };
    scene.store('m');
    for (const [of, says] of [
      ['http://tsdb-else:4242', 'it holds data already, of m; a restore cannot'],
      [scene.tsd.url, `it is the primary that the log of ${data} feeds, and it holds data already`],
    ] as const) {
      const cursor = await Cursor.open(data, 'primary');
      cursor.belongTo(of);
      await cursor.move({ lane: 'a'.repeat(16), ordinal: 1, seq: 1 });
      const message = expect.stringContaining(says) as string;
      await expect(scene.restore({ data })).rejects.toMatchObject({ ...refused, message });
      await expect(scene.restore({ data, ...DRY })).rejects.toMatchObject({ ...refused, message });
    }
    // The new one at its address is as good as any.
    scene.tsd.storage.empty();
    expect(await scene.restore({ data })).toMatchObject({ outcome: 'restored' });
  });
});

describe('a dry run', () => {
  test('leaves nothing, and what was there before', async () => {
    await using scene = await InterruptedScene.open();
    expect(await scene.restore({ ...SAFE, ...DRY })).toMatchObject({ outcome: 'planned' });
    expect(await isThere(scene.work)).toBe(false);
    expect(await isThere(`${scene.work}/..`)).toBe(false);
    await mkdir(scene.work, { recursive: true });
    expect(await scene.restore({ ...EARLIER, ...DRY })).toMatchObject({ outcome: 'planned' });
    expect(await readdir(scene.work)).toEqual([]);
  });

  test('of a restore to safe that was interrupted tells of the moment that it goes on with', async () => {
    await using scene = await InterruptedScene.open();
    await expect(scene.interrupted(SAFE)).rejects.toMatchObject({ code: 'RESTORE_INTERRUPTED' });
    scene.store('x');
    await scene.tick();
    const { plan } = await scene.restore({ ...SAFE, ...DRY });
    const end = await scene.restore(SAFE);
    expect(end).toMatchObject({ outcome: 'restored', isResumed: true });
    expect(plan.toMs).toBe(end.plan.toMs);
    const after = await scene.restore({ ...SAFE, ...DRY, target: undefined });
    expect(after.plan.toMs).toBeGreaterThan(plan.toMs);
  });
});

/** Of which one was interrupted before it wrote anything that it knows of. */
async function begun(): Promise<InterruptedScene> {
  const scene = await InterruptedScene.open();
  await expect(scene.interrupted()).rejects.toMatchObject({ code: 'RESTORE_INTERRUPTED' });
  return scene;
}
