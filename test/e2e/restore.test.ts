import { beforeAll, describe, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { RestoreScene, SPECIAL_CHARACTERS } from './kit/restore-scene.ts';
import { tell } from './kit/run.ts';
import { putState, storedDifferences } from './kit/stored-state.ts';

/** A longer look: `RESTORE_TEST_S=600`; `RESTORE_TEST_SEED` repeats another run. */
const BUDGET_MS = Number(process.env['RESTORE_TEST_S'] ?? 20) * 1_000;
const SEED = Number(process.env['RESTORE_TEST_SEED'] ?? Date.now() % 1_000_000);
const RECORDS = 120;

describeOnStack('a restore of a random history', (stack) => {
  let tsd: Tsd;
  beforeAll(async () => {
    tsd = await (await stack()).opentsdb('restore', { settings: SPECIAL_CHARACTERS });
    return async () => tsd.kill9();
  });

  test(
    'leaves what was the state at any time, by the scan of OpenTSDB itself',
    { timeout: BUDGET_MS + 60_000 },
    async () => {
      const endMs = performance.now() + BUDGET_MS;
      let rounds = 0;
      for (let seed = SEED; rounds < 3 || performance.now() < endMs; seed += 1, rounds += 1) {
        // Each has metrics of its own, for which the OpenTSDB is empty.
        await using scene = await RestoreScene.make(seed, RECORDS);
        const toMs = scene.someTime();
        const end = await scene.restore(toMs, tsd.url);
        expect(await scene.faults(end, tsd, toMs)).toEqual([]);
        expect(end.result?.counts?.points).toBe(scene.stateAt(toMs).size);
      }
      tell(`${rounds} restores, seeds from ${SEED} on`);
    },
  );

  test('to the safe time leaves all that is surely known', async () => {
    await using scene = await RestoreScene.make(SEED - 1, RECORDS);
    const { safeMs } = scene.history;
    const end = await scene.restore('safe', tsd.url);
    expect(end.result?.plan.toMs).toBe(safeMs);
    expect(await scene.faults(end, tsd, safeMs)).toEqual([]);
  });

  test('stores each value in the form in which OpenTSDB stored it', async () => {
    // A compacted row would hide that a cell is there twice.
    const settings = { ...SPECIAL_CHARACTERS, 'tsd.storage.enable_compaction': 'false' };
    const plain = await (await stack()).opentsdb('restore-forms', { settings });
    try {
      await using scene = await RestoreScene.make(SEED, RECORDS);
      const toMs = scene.history.safeMs;
      expect(await scene.faults(await scene.restore(toMs, plain.url), plain, toMs)).toEqual([]);
      const state = scene.stateAt(toMs);
      await putState(plain, state);
      expect(await storedDifferences(plain, scene.history.metrics, state, false)).toEqual([]);
    } finally {
      await plain.kill9();
    }
  });
});

describe('a restore', () => {
  /** Nothing listens there, and nothing needs to. */
  const target = 'http://127.0.0.1:1';

  test('to a time that is not covered is refused, with the nearest that is', async () => {
    await using scene = await RestoreScene.make(SEED, 10);
    const { startMs, safeMs } = scene.history;
    for (const [toMs, nearest] of [
      [startMs - 1, startMs],
      [startMs - 86_400_000, startMs],
      [safeMs + 1, safeMs],
      [Date.now(), safeMs],
    ] as const) {
      const { code, stderr, events } = await scene.restore(toMs, target);
      expect({ code, stderr }).toMatchObject({ code: 3 });
      expect(stderr).toContain('error TIME_UNREACHABLE: ');
      expect(stderr).toContain(`${new Date(nearest).toISOString()} (--to ${nearest})`);
      const context = nearest === startMs ? { nearestAfter: startMs } : { nearestBefore: safeMs };
      expect(events).toMatchObject([{ event: 'error', code: 'TIME_UNREACHABLE', context }]);
    }
  });

  test('to a time without an offset is refused, with both readings', async () => {
    await using scene = await RestoreScene.make(SEED, 10);
    const naive = '2026-01-05T10:00:30';
    const { code, stderr } = await scene.restore(naive, target);
    expect(code).toBe(2);
    expect(stderr).toContain('error CONFIG_INVALID: ');
    expect(stderr).toContain(`${naive}Z if it is UTC`);
    expect(stderr).toContain(new Date(naive).toISOString());
  });
});
