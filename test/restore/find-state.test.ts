import { expect, test } from 'vitest';
import { WalError } from '../../src/runtime/errors.ts';
import { writeLane } from '../archive/archive-rig.ts';
import { LogScene } from './kit/log-scene.ts';

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
