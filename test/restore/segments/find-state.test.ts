import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WalError } from '../../../src/runtime/errors.ts';
import { writeLane } from '../../archive/archive-rig.ts';
import { listSegments } from '../../kit/wal-files.ts';
import { LogScene } from '../kit/log-scene.ts';

const DAY_MS = 86_400_000;

test('a moment to come is refused as such, whatever lane is not archived so far', async () => {
  await using scene = await LogScene.create();
  await writeLane(scene.rig.wal, 5, 5);
  await scene.rig.archiveAll();
  const refusalOf = async (ms: number): Promise<WalError> => {
    const error: unknown = await scene.find({ kind: 'at', ms }, { data: undefined }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof WalError)) throw new Error('it was not refused');
    expect(error.code).toBe('TIME_UNREACHABLE');
    return error;
  };
  const toCome = await refusalOf(Date.now() + DAY_MS);
  expect(toCome.message).toMatch(/ cannot be had: it is in the future: now is \d{4}-/);
  expect(toCome.hint).not.toContain('lane retire');
  // What was received before now may still have to be archived.
  const past = await refusalOf(Date.now() - 1);
  expect(past.message).not.toContain('future');
  expect(past.hint).toContain('lane retire');
});

describe('of a lane that was never archived, and whose first file is gone', () => {
  test('nothing is said to be missing before the end of what was archived last', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 5, 5);
    await scene.rig.archiveAll();
    const archived = await listSegments(scene.rig.wal);
    const [home] = scene.rig.archived.slice(-1);
    await writeLane(scene.rig.wal, 40, 10);
    for (const { name } of (await listSegments(scene.rig.wal)).slice(0, archived.length + 1)) {
      await rm(join(scene.rig.wal, name));
    }
    const { tail, asOfMs } = await scene.find({ kind: 'safe' });
    const [lane] = tail?.lanes ?? [];
    expect(lane?.begin).toMatchObject({
      openedAt: home?.[1].toMs,
      previous: { lane: home?.[0].lane, lastSeq: home?.[0].seq },
    });
    // What was archived can be had as before, and nothing after it without saying so.
    expect(asOfMs).toBeLessThanOrEqual(home?.[1].toMs ?? 0);
    expect(asOfMs).toBeGreaterThan(0);
    const wanted = { kind: 'at', ms: lane?.toMs ?? 0 } as const;
    await expect(scene.find(wanted)).rejects.toMatchObject({ code: 'HOLE_IN_THE_WAY' });
  });

  test('the log alone begins with its first record that is left', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 40, 10);
    const [first] = await listSegments(scene.rig.wal);
    await rm(join(scene.rig.wal, first?.name ?? ''));
    await rm(scene.rig.place, { recursive: true });
    const found = await scene.find({ kind: 'safe' }, { repository: undefined, allowHoles: true });
    const [lane] = found.tail?.lanes ?? [];
    const [left] = await scene.lanes();
    expect(lane?.runs[0]?.fromMs).toBe(left?.records[0]?.receivedAt);
    expect(lane?.holes).toMatchObject([{ firstSeq: 1, fromMs: left?.records[0]?.receivedAt }]);
  });
});
