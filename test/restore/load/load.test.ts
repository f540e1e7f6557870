import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EarlierStored } from '../../../src/follow/feed.ts';
import type { Suspect } from '../../../src/follow/deliver/suspects.ts';
import type { Position } from '../../../src/record/position.ts';
import type { FoldRange } from '../../../src/restore/fold/fold-range.ts';
import { Load, LOAD_LIMITS, type LoadOptions } from '../../../src/restore/load/load.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { AdvancingClock } from '../../kit/advancing-clock.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { until } from '../../kit/until.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { writeLineFile } from '../kit/line-files.ts';

const NEVER = new AbortController().signal;

/** Lines of each range; those of metrics `t…` came by telnet. */
const RANGES = [
  Array.from({ length: 3_000 }, (_, n) => `put a.${n % 10} ${1_500_000_000 + n} ${n} h=${n % 7}`),
  Array.from({ length: 3_000 }, (_, n) => `put t.${n % 10} ${1_500_000_000 + n} ${n}.5 h=${n % 7}`),
  [],
  [
    ...Array.from({ length: 500 }, (_, n) => `put z ${1_500_000_000 + n} ${n} h=a`),
    'put t.z 1500000000 1.5 h=a',
  ],
];

describe.concurrent('a load', () => {
  test('brings each line over once, by the transport it came by, and ends when the last is stored', async () => {
    await using scene = await Scene.open();
    const load = scene.load();
    expect(await load.run(NEVER)).toBe(true);
    expect(scene.received().toSorted(compare)).toEqual(scene.expected().toSorted(compare));
    // Besides the canaries.
    expect(scene.tsd.points.length).toBeLessThan(6_501 + 20);
    expect(load.progress).toBe(1);
    expect(await scene.files()).toEqual([]);
  });

  test('ends at once when there is nothing to bring', async () => {
    await using scene = await Scene.open([]);
    expect(await scene.load().run(NEVER)).toBe(true);
    await using empty = await Scene.open([[], []]);
    expect(await empty.load().run(NEVER)).toBe(true);
    expect(scene.tsd.points).toEqual([]);
  });

  test('goes on after what an earlier run had confirmed', async () => {
    await using scene = await Scene.open();
    const confirmed: Position[] = [];
    const stop = new AbortController();
    const limits = { ...LOAD_LIMITS, healWindowMs: 100 };
    const first = scene.load({
      limits,
      rate: 1_500,
      events: scene.events({
        confirmed: (position) => {
          confirmed.push(position);
          if (position.seq > 1) stop.abort();
          return Promise.resolve();
        },
      }),
    });
    expect(await first.run(stop.signal)).toBe(false);
    const from = confirmed.at(-1);
    expect(from).toBeDefined();
    const sent = scene.tsd.points.length;
    expect(sent).toBeLessThan(6_000);
    expect(await scene.load({ limits, from }).run(NEVER)).toBe(true);
    expect(new Set(scene.received())).toEqual(new Set(scene.expected()));
    expect(scene.tsd.points.length - sent).toBeLessThan(6_501);
  });

  test('goes on after what an earlier run had proven stored, unless the target may have lost it since', async () => {
    await using scene = await Scene.open();
    const proofs: EarlierStored[] = [];
    const stop = new AbortController();
    const first = scene.load({
      rate: 1_500,
      events: scene.events({
        stored: (proof) => {
          proofs.push(proof);
          stop.abort();
        },
      }),
    });
    expect(await first.run(stop.signal)).toBe(false);
    const [earlier] = proofs;
    if (earlier === undefined) throw new Error('nothing was proven');
    const delivered = new Set(scene.received());
    const sent = scene.tsd.points.length;
    expect(await scene.load({ earlier }).run(NEVER)).toBe(true);
    expect(new Set(scene.received())).toEqual(new Set(scene.expected()));
    // Besides what was under way, and the canaries.
    expect(scene.tsd.points.length - sent).toBeLessThan(6_501 - 500);
    expect(delivered.size).toBeGreaterThan(500);

    await scene.tsd.crash();
    await scene.tsd.start();
    const before = scene.tsd.points.length;
    expect(await scene.load({ earlier }).run(NEVER)).toBe(true);
    expect(scene.tsd.points.length - before).toBeGreaterThanOrEqual(6_501);
  });

  test('survives a target that dies with what it had not stored', async () => {
    await using scene = await Scene.open();
    const load = scene.load({ rate: 3_000 });
    const running = load.run(NEVER);
    await until(() => scene.tsd.points.length > 2_000, 'half of it sent');
    await scene.tsd.crash();
    await scene.tsd.start();
    const shown: number[][] = [];
    const looking = setInterval(() => shown.push([load.points / 6_501, load.progress]), 20);
    expect(await running).toBe(true);
    clearInterval(looking);
    // What is sent again is not told as more than there is.
    expect(
      shown.filter(([points = 0, progress = 0]) => Math.abs(points - progress) > 0.001),
    ).toEqual([]);
    expect(load.points).toBe(6_501);
    scene.tsd.storage.flush();
    const stored = scene.tsd.storage.keys().length;
    expect(stored).toBe(6_501);
  });

  test('lists what the target refuses for good, and brings over the rest', async () => {
    await using scene = await Scene.open();
    scene.tsd.faults.unknownMetrics = new Set(['a.3']);
    const refused: Suspect[] = [];
    const clock = new AdvancingClock();
    const advancing = setInterval(() => clock.advance(1_000), 20);
    const load = scene.load({
      clock,
      events: scene.events({
        refused: (points) => {
          refused.push(...points);
          return Promise.resolve();
        },
      }),
    });
    expect(await load.run(NEVER)).toBe(true);
    clearInterval(advancing);
    expect(refused).toHaveLength(300);
    expect(refused.every(({ line }) => line.startsWith('put a.3 '))).toBe(true);
    expect(new Set(scene.received()).size).toBe(6_501 - 300);
  });

  test('fails when the state cannot be computed', async () => {
    await using scene = await Scene.open();
    const load = scene.load({ writeLines: () => Promise.reject(new Error('no space left')) });
    await expect(load.run(NEVER)).rejects.toThrow('no space left');
  });
});

class Scene implements AsyncDisposable {
  readonly tsd: FakeTsd;
  readonly #temp: TempDirectory;
  readonly #ranges: readonly (readonly string[])[];

  private constructor(tsd: FakeTsd, temp: TempDirectory, ranges: readonly (readonly string[])[]) {
    this.tsd = tsd;
    this.#temp = temp;
    this.#ranges = ranges;
  }

  static async open(ranges: readonly (readonly string[])[] = RANGES): Promise<Scene> {
    const temp = await tempDirectory('load');
    await mkdir(join(temp.path, 'ranges'));
    return new Scene(await FakeTsd.start(), temp, ranges);
  }

  load(options: Partial<LoadOptions> = {}): Load {
    const ranges = this.#ranges.map((lines, index): FoldRange => ({
      kind: 'metrics',
      first: String(index),
      last: String(index),
      rows: lines.length,
    }));
    return new Load({
      target: new URL(this.tsd.url),
      clock: systemClock,
      lane: 'restore',
      ranges,
      directory: join(this.#temp.path, 'ranges'),
      writeLines: async (range, path) => {
        const lines = this.#ranges[ranges.indexOf(range)] ?? [];
        const telnet = lines.filter(isTelnet);
        await writeLineFile(path, { http: lines.filter((line) => !isTelnet(line)), telnet });
      },
      from: undefined,
      earlier: undefined,
      asOfMs: 1_780_000_000_000,
      rate: Infinity,
      limits: LOAD_LIMITS,
      events: this.events(),
      ...options,
    });
  }

  events(events: Partial<LoadOptions['events']> = {}): LoadOptions['events'] {
    return {
      state: () => undefined,
      produced: () => undefined,
      resumed: () => undefined,
      stored: () => undefined,
      confirmed: () => Promise.resolve(),
      refused: () => Promise.resolve(),
      ...events,
    };
  }

  expected(): string[] {
    return this.#ranges
      .flat()
      .map((line) => `${line.startsWith('put t') ? 'telnet' : 'http'} ${line}`);
  }

  /** Each once, in the order of arrival. */
  received(): string[] {
    const lines = this.tsd.points.map(({ transport, metric, timestamp, value, tags }) => {
      const pairs = Object.entries(tags).map(([key, name]) => `${key}=${name}`);
      return `${transport} put ${metric} ${timestamp} ${value} ${pairs.join(' ')}`;
    });
    return [...new Set(lines)];
  }

  async files(): Promise<string[]> {
    return readdir(join(this.#temp.path, 'ranges'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tsd[Symbol.asyncDispose]();
    await this.#temp[Symbol.asyncDispose]();
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function isTelnet(line: string): boolean {
  return line.startsWith('put t');
}
