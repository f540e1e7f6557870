import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeChecked } from '../../src/runtime/checked-json.ts';
import { PRIMARY_WITNESS, Witnesses } from '../../src/follow/witnesses.ts';
import type { QueryReply, RawQuery } from '../../src/opentsdb/query-client.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { until } from '../kit/until.ts';
import { Rig } from './rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REFUSED: QueryReply = { kind: 'refused', status: 400, message: 'no queries in mode wo' };
const AWAY: QueryReply = { kind: 'unanswered', reason: 'ECONNREFUSED' };
const at = (seq: number) => ({ lane: 'a', ordinal: 1, seq });

let folder: TempDirectory;
let watched: Watched;

beforeEach(async () => {
  folder = await tempDirectory('witnesses');
  watched = new Watched();
});
afterEach(async () => {
  await watched.stop();
  await folder[Symbol.asyncDispose]();
});

/** Stands still but for what passes, and lets who sleeps do what is due by then. */
class StepClock implements Clock {
  #ms = Date.now();
  #signal: AbortSignal | undefined;
  #wake: (() => void) | undefined;
  #sleeper: { readonly untilMs: number; readonly wake: () => void } | undefined;

  now(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    return this.#ms;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const untilMs = this.#ms + ms;
    await new Promise<void>((wake) => {
      this.#sleeper = { untilMs, wake };
      this.#wake = wake;
      if (this.#signal !== signal) signal.addEventListener('abort', () => this.#wake?.());
      this.#signal = signal;
    });
  }

  /** Nobody sleeps meanwhile. */
  advance(ms: number): void {
    this.#ms += ms;
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#ms + ms;
    for (;;) {
      while (this.#sleeper === undefined) await turn();
      const { untilMs, wake } = this.#sleeper;
      if (untilMs > endMs) break;
      this.#ms = Math.max(this.#ms, untilMs);
      this.#sleeper = undefined;
      wake();
    }
    this.#ms = endMs;
  }
}

/** A primary that shows what is in `shown`, and what is looked for there. */
class Watched {
  readonly clock = new StepClock();
  primary = 'http://tsdb:4242';
  shown: readonly string[] = [];
  /** What was proven to be stored; it may be put again. */
  proven: readonly string[] = [];
  instead: QueryReply | undefined;
  confirmed = 10;
  asked = 0;
  askedFor: () => void = () => undefined;
  readonly told: string[] = [];
  witnesses = this.#create();
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** Of a metric, at the present minute. */
  line(metric: string): string {
    return `put ${metric} ${Math.floor(this.clock.now() / 1_000)} 1 host=a`;
  }

  /** The points are proven to be stored now, by a process that has just begun, and are looked for soon. */
  async take(...metrics: readonly string[]): Promise<void> {
    await this.stop();
    // Those of an hour that is over by then are none.
    const toHour = HOUR - (this.clock.now() % HOUR);
    if (toHour < 10 * MINUTE) this.clock.advance(toHour);
    this.proven = metrics.map((metric) => this.line(metric));
    this.shown = [...this.shown, ...this.proven];
    await this.restart();
    await this.clock.pass(2 * MINUTE);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async restart(): Promise<void> {
    await this.stop();
    this.witnesses = this.#create();
    this.#stop = new AbortController();
    this.#running = this.witnesses.run(this.#stop.signal);
  }

  /** The primary is reached anew; a second look is over when it resolves. */
  async reached(): Promise<void> {
    this.witnesses.reached();
    await this.clock.pass(10_000);
  }

  #create(): Witnesses {
    return new Witnesses({
      data: folder.path,
      clock: this.clock,
      primary: () => this.primary,
      isUp: () => true,
      proven: () => this.proven.map((line, index) => ({ line, position: at(index + 1) })),
      confirmed: () => at(this.confirmed),
      ask: (query) => Promise.resolve(this.#answer(query)),
      events: {
        lacks: ({ line }) => this.told.push(line),
        lacksNoMore: () => this.told.push('found'),
      },
    });
  }

  #answer({ metric, fromMs }: RawQuery): QueryReply {
    this.asked += 1;
    this.askedFor();
    if (this.instead !== undefined) return this.instead;
    const lines = this.shown.filter((line) => line.split(' ')[1] === metric);
    if (lines.length === 0) return { kind: 'unknown name' };
    const cells = lines
      .map((line) => [`${line.split(' ')[2] ?? ''}000`, '1'] as const)
      .filter(([time]) => Number(time) === fromMs);
    return { kind: 'series', series: cells.length > 0 ? [{ metric, tags: {}, cells }] : [] };
  }
}

describe('a primary that was reached anew', () => {
  test('and shows nothing of what it had is told as that, over starts too, until it has it again', async () => {
    await watched.take('a', 'b');
    const [first = '', second = ''] = watched.shown;
    await watched.reached();
    expect(watched.told).toEqual([]);
    watched.shown = [];
    watched.proven = [];
    await watched.reached();
    expect(watched.told).toEqual([second]);
    expect(watched.witnesses.lacking?.line).toBe(second);
    // What comes now is no witness of what was there before.
    watched.proven = [watched.line('c')];
    watched.shown = watched.proven;
    await watched.clock.pass(11 * MINUTE);
    await watched.stop();
    watched.clock.advance(25 * HOUR);
    await watched.restart();
    await watched.clock.pass(11 * MINUTE);
    expect(watched.told).toEqual([second, second]);
    watched.shown = [first, second];
    await watched.reached();
    expect(watched.told).toEqual([second, second, 'found']);
    expect(watched.witnesses.lacking).toBeUndefined();
  });

  test('and again while it was being looked at, on empty tables by then, is told as that', async () => {
    await watched.take('a');
    const [first] = watched.shown;
    watched.proven = [];
    watched.askedFor = () => {
      watched.askedFor = () => undefined;
      watched.witnesses.reached();
      queueMicrotask(() => (watched.shown = []));
    };
    await watched.reached();
    await watched.clock.pass(20_000);
    expect(watched.told).toEqual([first]);
  });

  test('is told to lack something only at the second look', async () => {
    await watched.take('a');
    const { shown } = watched;
    watched.shown = [];
    watched.proven = [];
    const { asked } = watched;
    watched.witnesses.reached();
    await watched.clock.pass(2_000);
    expect(watched.asked).toBe(asked + 1);
    watched.shown = shown;
    await watched.clock.pass(10_000);
    expect([watched.asked, watched.told]).toEqual([asked + 2, []]);
  });

  test.each([
    ['refuses queries', REFUSED],
    ['does not answer', AWAY],
  ])('and %s is not known to lack anything', async (_, instead) => {
    await watched.take('a');
    watched.shown = [];
    watched.instead = instead;
    watched.proven = [];
    await watched.reached();
    await watched.clock.pass(2 * MINUTE);
    expect(watched.told).toEqual([]);
    // As soon as it answers, it is known.
    watched.instead = undefined;
    await watched.clock.pass(MINUTE);
    expect(watched.told).toHaveLength(1);
  });

  test('is not known to lack what it never showed, nor what was not confirmed', async () => {
    watched.instead = REFUSED;
    await watched.take('a');
    watched.instead = undefined;
    watched.confirmed = 0;
    watched.shown = [];
    await watched.take('b');
    watched.shown = [];
    await watched.reached();
    expect(watched.told).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('lacks nothing while one of several metrics is there, as after one was deleted', async () => {
    await watched.take('a', 'b');
    const [a = ''] = watched.shown;
    watched.shown = [a];
    watched.proven = [];
    await watched.reached();
    expect(watched.told).toEqual([]);
  });

  test('is not taken to have what it had because a canary was put there again', async () => {
    await watched.take('a', 'b');
    const [a = ''] = watched.shown;
    watched.proven = [a];
    watched.shown = [a];
    await watched.reached();
    expect(watched.told).toHaveLength(1);
  });

  test('is not asked for what is a day old: its tables may keep things for so long only', async () => {
    await watched.take('a');
    await watched.stop();
    watched.clock.advance(24 * HOUR);
    watched.shown = [];
    watched.proven = [];
    await watched.restart();
    await watched.reached();
    expect(watched.told).toEqual([]);
  });

  test('is a matter of its own after a switch, and none where somebody says that it is meant', async () => {
    await watched.take('a');
    watched.shown = [];
    watched.proven = [];
    await watched.reached();
    expect(watched.told).toHaveLength(1);
    await rm(join(folder.path, PRIMARY_WITNESS));
    await watched.clock.pass(2_000);
    expect(watched.told).toHaveLength(2);
    expect(watched.witnesses.lacking).toBeUndefined();
    await watched.reached();
    await watched.take('b');
    watched.shown = [];
    watched.proven = [];
    watched.primary = 'http://new:4242';
    await watched.reached();
    expect(watched.told).toHaveLength(2);
  });

  test('with damaged knowledge of what it had is taken as it is', async () => {
    await writeFile(join(folder.path, PRIMARY_WITNESS), 'x');
    await watched.restart();
    await watched.reached();
    expect(watched.told).toEqual([]);
  });
});

test('a proxy whose primary lacks what it had has it among its troubles', async () => {
  await using rig = await Rig.start();
  const line = `put sys.load ${Math.floor(Date.now() / 1_000)} 1 host=a`;
  await rig.close();
  const points = [{ line, shownMs: Date.now() }];
  const known = { primary: rig.tsd.url, points, lackingSinceMs: null };
  await writeChecked(join(rig.data, PRIMARY_WITNESS), known);
  await rig.open();
  await until(() => rig.proxy.feeding.isLacking);
  const told = expect.stringContaining(`${rig.tsd.url} lacks what it had`) as string;
  expect(rig.proxy.feeding.troubles).toContainEqual(told);
});
