import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { restore } from '../../src/restore/restore.ts';
import type { RestoreEvent, RestoreResult } from '../../src/restore/restore-request.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { Fabricated } from './kit/fabricated.ts';
import { START_MS } from './kit/histories.ts';
import type { MadeLane, MadeRecord } from './kit/history.ts';

const LANE = 'a'.repeat(16);
const REFUSED = { lane: LANE, seq: 2, refused: [{ index: 0, error: 'unknown metric' }] };
const RECORDS: readonly MadeRecord[] = [
  put(0, 'put m 1500000000 1 h=a'),
  put(1, 'put x 1500000000 1 h=a'),
  { receivedAt: START_MS + 10, transport: 'log', lines: ['!tick {}'] },
  { receivedAt: START_MS + 20, transport: 'log', lines: [`!outcome ${JSON.stringify(REFUSED)}`] },
];

describe(
  'a restore that was interrupted, of a state that has changed since',
  { timeout: 30_000 },
  () => {
    test('is refused where the target holds what was written, if only of what was refused meanwhile', async () => {
      await using scene = await Scene.open();
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
      expect(scene.events).toContain('restarting');
      expect(scene.tsd.points.map(({ metric }) => metric)).not.toContain('x');
    });

    test('goes on where it is the same', async () => {
      await using scene = await Scene.open();
      await expect(scene.interrupted()).rejects.toMatchObject({ code: 'RESTORE_INTERRUPTED' });
      scene.store('x');
      expect(await scene.restore()).toMatchObject({ outcome: 'restored', isResumed: true });
      expect(scene.events).not.toContain('restarting');
    });
  },
);

class Scene implements AsyncDisposable {
  readonly tsd: FakeTsd;
  readonly #made: Fabricated;
  readonly #temp: TempDirectory;
  readonly events: RestoreEvent['event'][] = [];

  private constructor(tsd: FakeTsd, made: Fabricated, temp: TempDirectory) {
    this.tsd = tsd;
    this.#made = made;
    this.#temp = temp;
  }

  static async open(): Promise<Scene> {
    const made = await Fabricated.create();
    const lane: MadeLane = { lane: LANE, records: RECORDS };
    await made.write([lane], () => [{ level: 'minute', firstSeq: 1, lastSeq: 3 }]);
    return new Scene(await FakeTsd.start(), made, await tempDirectory('changed-state'));
  }

  /** A run that ends before it has written anything that it knows of. */
  interrupted(): Promise<RestoreResult> {
    return this.restore(AbortSignal.abort());
  }

  store(metric: string): void {
    const point = { transport: 'http', metric, timestamp: '1500000000', value: '1' } as const;
    this.tsd.storage.write({ ...point, tags: { h: 'a' } });
    this.tsd.storage.flush();
  }

  /** The primary is back, and refuses a point. */
  async refuse(): Promise<void> {
    const lane = { lane: LANE, records: RECORDS };
    await this.#made.writeObject(lane, { level: 'minute', firstSeq: 4, lastSeq: 4 });
  }

  restore(signal = new AbortController().signal): Promise<RestoreResult> {
    return restore({
      clock: systemClock,
      signal,
      report: ({ event }) => this.events.push(event),
      request: {
        repository: this.#made.repository.place,
        data: undefined,
        target: new URL(this.tsd.url),
        to: { kind: 'at', ms: START_MS + 5 },
        isDryRun: false,
        rate: Infinity,
        isOnlyConfirmed: false,
        allowHoles: false,
        isVerified: true,
        work: this.#temp.path,
        memoryMb: 200,
        threads: 1,
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tsd[Symbol.asyncDispose]();
    await this.#made[Symbol.asyncDispose]();
    await this.#temp[Symbol.asyncDispose]();
  }
}

function put(ms: number, line: string): MadeRecord {
  return { receivedAt: START_MS + ms, transport: 'http', lines: [line] };
}
