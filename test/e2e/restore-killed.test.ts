import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import type { RestoreEvent } from '../../src/restore/restore-request.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import type { RestoreEnd } from './kit/restore-process.ts';
import { RestoreScene, SPECIAL_CHARACTERS } from './kit/restore-scene.ts';
import { tell } from './kit/run.ts';

const SEED = Number(process.env['RESTORE_TEST_SEED'] ?? Date.now() % 1_000_000);
const RECORDS = 300;
/** A life lasts so long from when it has read what it needs; each a little longer, for a slow machine. */
const LIFE_MS = { max: 2_000, more: 200 } as const;
const LIVES_MAX = 60;
const LOAD_S = 6;

describeOnStack('a restore that is ended early', (stack) => {
  let tsd: Tsd;
  beforeAll(async () => {
    tsd = await (await stack()).opentsdb('restore-killed', { settings: SPECIAL_CHARACTERS });
    return async () => tsd.kill9();
  });

  test('every few seconds comes to the same result', { timeout: 300_000 }, async () => {
    await using scene = await RestoreScene.make(SEED, RECORDS);
    const toMs = scene.history.safeMs - 1;
    const rate = ['--rate', String(Math.ceil(scene.stateAt(toMs).size / LOAD_S))];
    const liveOnce = async (lifeMs: number): Promise<RestoreEnd> => {
      const restore = scene.start(toMs, tsd.url, rate);
      // Some don't come so far as to know what they are to do.
      if (scene.random() < 0.8) await restore.until(({ event }) => event === 'planned');
      const timer = setTimeout(() => restore.kill('SIGKILL'), lifeMs);
      const end = await restore.end();
      clearTimeout(timer);
      return end;
    };
    let lives = 1;
    let end = await liveOnce(LIFE_MS.max);
    for (; end.code !== 0 && lives < LIVES_MAX; lives += 1) {
      end = await liveOnce(scene.random() * LIFE_MS.max + lives * LIFE_MS.more);
    }
    tell(`${lives} lives, seed ${SEED}, --to ${toMs}`);
    expect(lives).toBeGreaterThan(2);
    expect(await scene.faults(end, tsd, toMs)).toEqual([]);
  });

  test('while it compares goes on with that, and sends nothing again', async () => {
    await using wire = await TcpProxy.start(tsd.port);
    await using scene = await RestoreScene.make(SEED + 1, RECORDS);
    const toMs = scene.history.safeMs;
    const first = scene.start(toMs, wire.url);
    await first.until((event) => isProgress(event, 'loading') && event.progress === 1);
    await wire.set({ kind: 'delay', answerMs: 2_000 });
    await first.until((event) => isProgress(event, 'comparing'));
    first.kill('SIGKILL');
    expect((await first.end()).result).toBeUndefined();
    await wire.set({ kind: 'pass' });
    const before = await pointsAdded(tsd);
    const second = await scene.restore(toMs, wire.url);
    expect(await scene.faults(second, tsd, toMs)).toEqual([]);
    expect(second.result?.isResumed).toBe(true);
    expect(second.events.some((event) => isProgress(event, 'loading'))).toBe(false);
    expect(await pointsAdded(tsd)).toBe(before);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('by %s says how to go on, and does', async (signal) => {
    await using scene = await RestoreScene.make(SEED + (signal === 'SIGINT' ? 2 : 3), RECORDS);
    const toMs = scene.history.safeMs;
    const rate = ['--rate', String(Math.ceil(scene.stateAt(toMs).size / LOAD_S))];
    const restore = scene.start('safe', tsd.url, rate);
    await restore.until((event) => isProgress(event, 'loading') && event.done > 0);
    restore.kill(signal);
    const { code, stderr, events } = await restore.end();
    expect({ code, stderr }).toMatchObject({ code: 1 });
    expect(stderr).toContain('error RESTORE_INTERRUPTED: ');
    expect(stderr).toContain(`--to ${toMs}`);
    // The last that is told of the progress is how far it came.
    expect(events.findLast((event) => isProgress(event, 'loading'))?.progress).toBeGreaterThan(0);
    expect(await scene.faults(await scene.restore(toMs, tsd.url), tsd, toMs)).toEqual([]);
  });
});

type ProgressEvent = Extract<RestoreEvent, { event: 'progress' }>;

function isProgress(event: RestoreEvent, phase: ProgressEvent['phase']): event is ProgressEvent {
  return event.event === 'progress' && event.phase === phase;
}

/** How many points the OpenTSDB has taken since it started. */
async function pointsAdded(tsd: Tsd): Promise<number> {
  const stats = (await (await fetch(`${tsd.url}/api/stats`)).json()) as readonly {
    readonly metric: string;
    readonly value: string;
  }[];
  return Number(stats.find(({ metric }) => metric === 'tsd.datapoints.added')?.value);
}
