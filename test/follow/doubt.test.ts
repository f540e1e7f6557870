import { describe, expect, test } from 'vitest';
import { Doubt } from '../../src/follow/prove/doubt.ts';
import type { Position } from '../../src/record/position.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { until } from '../kit/until.ts';
import { deadLetters, line } from './evidence.ts';
import { isAt, Rig } from './rig.ts';

const LANE = 'a'.repeat(16);
const place = (seq: number): Position => ({ lane: LANE, ordinal: 1, seq });
const moment = (): Promise<void> => systemClock.sleep(60, new AbortController().signal);

/** A proxy and its OpenTSDB, in a time of their own. */
class Scene implements AsyncDisposable {
  readonly rig: Rig;
  readonly clock: AdvancingClock;

  private constructor(rig: Rig, clock: AdvancingClock) {
    this.rig = rig;
    this.clock = clock;
  }

  static async start(): Promise<Scene> {
    const clock = new AdvancingClock();
    const rig = await Rig.start({ clock, flags: { 'delivery.healWindow': '10s' } });
    await rig.live();
    return new Scene(rig, clock);
  }

  /** It has confirmed one point, and took another since it tells its errors no more. */
  static async startUntold(): Promise<Scene> {
    const scene = await Scene.start();
    const { rig } = scene;
    await rig.put('telnet', line('old', 1));
    await scene.confirmed();
    rig.tsd.faults = { statsStatus: 503 };
    await rig.put('telnet', line('a', 1));
    return scene;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }

  async resumes(): Promise<number> {
    return Number(/^tsdb_wal_primary_resumes_total (\d+)/m.exec(await this.rig.scrape())?.[1]);
  }

  /** How often a telnet point was sent; canaries go by HTTP. */
  sent(metric: string): number {
    const { points } = this.rig.tsd;
    return points.filter((one) => one.metric === metric && one.transport === 'telnet').length;
  }

  /** Instants of a metric that it took. */
  metrics(name: string): number {
    const { points } = this.rig.tsd;
    return new Set(points.filter(({ metric }) => metric === name).map((one) => one.timestamp)).size;
  }

  /** Counts an error each second, for so long, with a new write in each. */
  async trouble(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.rig.tsd.nsre += 1;
      await this.rig.put('telnet', line('new', second));
      await this.pass(1);
    }
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.clock.advance(1_000);
      await moment();
    }
  }

  /** Without trouble, for as long as it takes. */
  async calm(isReached: () => boolean): Promise<void> {
    await until(async () => (await this.pass(1), isReached()));
  }

  async confirmed(): Promise<void> {
    const { wal, primary } = this.rig.proxy;
    const { durable } = wal;
    await this.calm(() => isAt(primary.confirmed, durable));
  }
}

describe.concurrent('while the primary has trouble with some of its storage', () => {
  test('what is new goes on to it, and what it took comes once more when the trouble is over', async () => {
    await using scene = await Scene.start();
    const { rig } = scene;
    await rig.put('telnet', line('old', 1));
    await scene.confirmed();
    const before = rig.proxy.primary.confirmed;
    await rig.put('telnet', line('a', 1));
    await scene.trouble(30);
    expect(rig.proxy.primary.state.kind).toBe('live');
    expect([scene.sent('a'), scene.sent('new')]).toEqual([1, 30]);
    expect(rig.proxy.primary.confirmed).toEqual(before);
    expect(rig.proxy.primary.doubt).toMatchObject({ reason: 'it counts storage errors' });
    expect(rig.proxy.feeding.troubles).toMatchObject([/in doubt.*storage errors/]);
    await scene.confirmed();
    expect([scene.sent('old'), scene.sent('a'), scene.sent('new')]).toEqual([1, 2, 60]);
    expect(rig.proxy.primary.doubt).toBeUndefined();
    expect(await scene.resumes()).toBe(1);
  });

  test('what it took while it did not tell its errors is confirmed once it does, and none had come', async () => {
    await using scene = await Scene.startUntold();
    const { rig } = scene;
    const before = rig.proxy.primary.confirmed;
    await scene.pass(30);
    expect([rig.proxy.primary.state.kind, scene.sent('a')]).toEqual(['live', 1]);
    expect(rig.proxy.primary.confirmed).toEqual(before);
    rig.tsd.faults = {};
    await scene.confirmed();
    expect([scene.sent('old'), scene.sent('a'), await scene.resumes()]).toEqual([1, 1, 0]);
  });

  test('it is in doubt where errors came while it did not tell them', async () => {
    await using scene = await Scene.startUntold();
    const { tsd } = scene.rig;
    await scene.pass(10);
    tsd.nsre += 1;
    tsd.faults = {};
    await scene.confirmed();
    expect([scene.sent('old'), scene.sent('a')]).toEqual([1, 2]);
  });

  test('it comes once more where errors are not told for long, and goes on without', async () => {
    await using scene = await Scene.startUntold();
    await scene.confirmed();
    expect([scene.sent('old'), scene.sent('a')]).toEqual([1, 2]);
  });

  test('`?sync` is not answered before that', async () => {
    await using scene = await Scene.start();
    const { rig } = scene;
    rig.tsd.nsre += 1;
    const outcome = await rig.put('telnet', line('a', 1));
    if (outcome.kind !== 'accepted') throw new Error(outcome.reason);
    await until(() => rig.proxy.primary.doubt !== undefined, 'in doubt');
    const { writePath } = rig.proxy;
    expect(await writePath.awaitStored(outcome.last, 300)).toBe('timeout');
    const stored = writePath.awaitStored(outcome.last, 10_000);
    await scene.calm(() => scene.sent('a') === 2);
    expect(await stored).toBe('stored');
  });

  test('no refusal is final', async () => {
    await using scene = await Scene.start();
    const { rig } = scene;
    await rig.put('http', line('neighbour', 0));
    await rig.tsd.stop();
    await rig.put('http', line('neighbour', 1));
    await until(() => rig.proxy.primary.state.kind !== 'live', 'degraded');
    rig.tsd.faults = { unknownMetrics: new Set(['x']) };
    await rig.put('http', line('x', 1));
    await rig.tsd.start();
    await until(() => rig.proxy.primary.open.suspects > 0, 'refused');
    await scene.trouble(90);
    expect(rig.proxy.primary.open.suspects).toBe(1);
    expect(await deadLetters(rig)).toEqual([]);
  });

  test.each(['http', 'telnet'] as const)(
    'points by %s that it says it cannot store do not hold up others, and come when it can',
    async (transport) => {
      await using scene = await Scene.start();
      const { rig, clock } = scene;
      await rig.put('http', line('neighbour', 0));
      await scene.confirmed();
      rig.tsd.faults = { away: { metrics: new Set(['x']), isTold: true } };
      for (let second = 0; second < 20; second += 1) {
        await rig.put(transport, line('x', second), line('a', second));
        await rig.put('http', line('b', second));
        clock.advance(1_000);
        await moment();
      }
      await scene.calm(() => scene.metrics('b') === 20 && scene.metrics('a') === 20);
      expect(rig.proxy.primary.doubt).toBeDefined();
      for (let second = 0; second < 100; second += 1) {
        clock.advance(1_000);
        await moment();
      }
      await rig.put('http', line('c', 0));
      await scene.calm(() => scene.metrics('c') === 1);
      expect(scene.metrics('x')).toBe(0);
      rig.tsd.faults = {};
      for (let minute = 0; minute < 10; minute += 1) {
        clock.advance(60_000);
        await moment();
      }
      await scene.calm(() => scene.metrics('x') === 20);
      await scene.confirmed();
      expect(await deadLetters(rig)).toEqual([]);
    },
  );

  test('a point that is not stored, though nothing is counted, does not hold up others', async () => {
    await using scene = await Scene.start();
    const { rig } = scene;
    await rig.put('http', line('neighbour', 0));
    await scene.confirmed();
    rig.tsd.faults = { away: { metrics: new Set(['x']), isTold: false } };
    await rig.put('http', line('x', 0));
    await scene.calm(() => rig.proxy.primary.doubt !== undefined);
    expect(rig.proxy.primary.doubt?.reason).toMatch(/did not store a point/);
    await rig.put('http', line('b', 0));
    await scene.calm(() => scene.metrics('b') === 1);
    rig.tsd.faults = {};
    await scene.calm(() => scene.metrics('x') === 1);
    await scene.confirmed();
  });

  test('a restart goes back at once', async () => {
    await using scene = await Scene.start();
    const { rig } = scene;
    await rig.put('telnet', line('a', 1));
    await scene.trouble(3);
    await rig.tsd.crash();
    await rig.tsd.start();
    rig.tsd.nsre = 1;
    await until(() => scene.sent('a') === 2, 'sent again');
    await rig.live();
    rig.tsd.storage.flush();
    const stored = rig.tsd.storage.keys().map((key) => rig.tsd.storage.read(key)?.metric);
    expect(stored).toEqual(expect.arrayContaining(['a', 'new']));
  });
});

describe('what is in doubt', () => {
  const clock = new AdvancingClock();
  const create = (): Doubt => new Doubt({ healWindowMs: 10_000, clock, begun: () => undefined });

  /** In steps of a second, until it is to be delivered again; its seconds. */
  function wait(doubt: Doubt): number {
    let seconds = 0;
    for (; !doubt.isOver(clock.monotonicMs()); seconds += 1) clock.advance(1_000);
    return seconds;
  }

  test('is repeated after a heal window without trouble', () => {
    const doubt = create();
    doubt.note('one');
    clock.advance(5_000);
    doubt.note('another');
    expect(doubt.state).toMatchObject({ reason: 'one' });
    expect(wait(doubt)).toBe(10);
  });

  test('is not repeated again before the repeat is through', () => {
    const doubt = create();
    doubt.note('one');
    doubt.repeat(place(9));
    expect(doubt.state).toBeUndefined();
    doubt.note('another');
    clock.advance(3_600_000);
    doubt.noteDelivered(place(8));
    expect(doubt.mayRepeat).toBe(false);
    doubt.noteDelivered(place(9));
    // What is new has its turn, four times as long as the repeat took.
    expect(wait(doubt)).toBe(4 * 3_600);
  });

  test('is repeated at ever longer intervals while that does not help, and soon again once it did', () => {
    const doubt = create();
    const waits = Array.from({ length: 8 }, () => {
      doubt.note('the same');
      const seconds = wait(doubt);
      doubt.repeat(place(9));
      doubt.noteDelivered(place(9));
      return seconds;
    });
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 320, 320]);
    doubt.noteConfirmed(place(9));
    doubt.note('new');
    expect(wait(doubt)).toBe(10);
  });
});
