import { describe, expect, test } from 'vitest';
import { inspectLog } from '../../src/wal/inspect.ts';
import { ArchiveScene, isRunning } from './kit/archive-scene.ts';

describe('a proxy that archives', () => {
  test('that ends in order archives what it has logged before, and takes the archiver with it', async () => {
    await using scene = await ArchiveScene.start();
    await scene.untilArchive(({ state }) => state.kind === 'archiving');
    const pid = await scene.archiverPid();
    await scene.put(5);
    expect(await scene.proxy.terminate()).toBe(0);
    expect(await isRunning(pid)).toBe(false);
    expect(await scene.info()).toMatchObject({ state: 'whole', totals: { points: 5 } });
    const { cursors } = await inspectLog(scene.proxy.dataDirectory);
    expect(cursors.find(({ name }) => name === 'archive')?.recordsBehind).toBe(0);
  });
});
