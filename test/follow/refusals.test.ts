import { describe, expect, test, vi } from 'vitest';
import { systemClock, untilAborted } from '../../src/runtime/clock.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { deadLetters, line, outcomes } from './evidence.ts';
import { until } from '../kit/until.ts';
import { isAt, Rig } from './rig.ts';

const moment = (ms = 60): Promise<void> => systemClock.sleep(ms, new AbortController().signal);

/** Lets this much time pass, in small steps, with what must be done in between. */
async function pass(clock: AdvancingClock, seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at += 5) {
    clock.advance(5_000);
    await moment();
  }
}

/** Lets time pass until it holds: pauses grow while what fails is tried again. */
async function passUntil(
  clock: AdvancingClock,
  holds: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  await until(async () => (await pass(clock, 10), holds()), what);
}

/** Writes while the primary is away, so that refusals come too late. */
async function writeDegraded(rig: Rig, ...lines: readonly string[]): Promise<void> {
  await rig.live();
  await rig.put('http', line('neighbour', 0));
  await rig.tsd.stop();
  rig.tsd.faults = { unknownMetrics: new Set(['x']) };
  await rig.put('http', line('a', 0));
  await until(() => rig.proxy.primary.state.kind !== 'live', 'degraded');
  await rig.put('http', ...lines);
  await rig.tsd.start();
  await until(() => rig.proxy.primary.open.suspects > 0, 'refused');
}

test('a refusal whose outcome is not durable yet holds back the cursor', async () => {
  const clock = new AdvancingClock();
  await using rig = await Rig.start({ clock });
  await rig.live();
  await rig.put('http', line('neighbour', 0));
  await rig.confirmed();
  rig.tsd.faults = { unknownMetrics: new Set(['x']) };
  const { primary, writePath } = rig.proxy;
  const disk = new AbortController();
  // As on a disk that hangs.
  const logging = vi
    .spyOn(writePath, 'logRefused')
    .mockImplementationOnce(async () => (await untilAborted(disk.signal), false));
  const refused = rig.put('http', line('a', 1), line('x', 1));
  await until(() => logging.mock.calls.length === 1, 'refused');
  const before = primary.confirmed;
  await pass(clock, 60);
  expect(primary.confirmed).toEqual(before);
  disk.abort();
  expect(await refused).toMatchObject({ kind: 'accepted', refusals: [] });
  await until(() => primary.open.suspects > 0, 'refused again');
  await passUntil(clock, () => primary.open.suspects === 0, 'given up');
  expect(await outcomes(rig)).toMatchObject([{ refused: [{ index: 1 }] }]);
  await rig.confirmed();
});

describe.concurrent('a refusal that comes too late for an error', () => {
  test('is tried for a minute and at least three times, then a dead letter and an outcome record', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await writeDegraded(rig, line('b', 1), line('x', 1), line('c', 1));
    await pass(clock, 45);
    expect(await deadLetters(rig)).toEqual([]);
    await pass(clock, 45);
    await until(() => rig.proxy.primary.open.suspects === 0, 'given up');
    const [letter, ...more] = await deadLetters(rig);
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ line: line('x', 1), error: 'Unknown metric' });
    expect(letter?.tries).toBeGreaterThanOrEqual(3);
    expect(await outcomes(rig)).toMatchObject([
      { refused: [{ index: 1, error: 'Unknown metric' }] },
    ]);
    await rig.confirmed();
  });

  test('is none when the client had the error at an earlier delivery', async () => {
    await using rig = await Rig.start();
    await rig.live();
    rig.tsd.faults = { unknownMetrics: new Set(['x']) };
    expect(await rig.put('http', line('a', 1), line('x', 1))).toMatchObject({
      refusals: [{ line: 1 }],
    });
    await rig.tsd.stop();
    await rig.tsd.start();
    await until(
      () => rig.tsd.points.filter(({ metric }) => metric === 'a').length > 1,
      'sent again',
    );
    await rig.confirmed();
    expect(rig.proxy.primary.open.suspects).toBe(0);
    expect(await outcomes(rig)).toHaveLength(1);
  });

  test('so does one that the log could not take: it is delivered again, and ends in an outcome record', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await rig.live();
    await rig.put('http', line('neighbour', 0));
    rig.tsd.faults = { unknownMetrics: new Set(['x']) };
    // As between two lanes.
    const { wal } = rig.proxy;
    const append = wal.appendControl.bind(wal);
    const appending = vi
      .spyOn(wal, 'appendControl')
      .mockImplementation((control) => (control.kind === 'outcome' ? undefined : append(control)));
    const outcome = await rig.put('http', line('a', 1), line('x', 1));
    appending.mockRestore();
    expect(outcome).toMatchObject({ kind: 'accepted', refusals: [] });
    await until(() => rig.proxy.primary.open.suspects > 0, 'refused again');
    await pass(clock, 90);
    await until(() => rig.proxy.primary.open.suspects === 0, 'given up');
    expect(await outcomes(rig)).toMatchObject([{ refused: [{ index: 1 }] }]);
    await rig.confirmed();
  });

  test('is written down once, however often the log does not take its outcome', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await writeDegraded(rig, line('x', 1));
    const { writePath } = rig.proxy;
    const logging = vi.spyOn(writePath, 'logRefused').mockResolvedValue(false);
    await pass(clock, 90);
    await until(() => logging.mock.calls.length > 1, 'tried again');
    logging.mockRestore();
    await until(() => rig.proxy.primary.open.suspects === 0, 'given up');
    expect(await deadLetters(rig)).toHaveLength(1);
    expect(await outcomes(rig)).toHaveLength(1);
  });

  test('holds back the cursor, but nobody who waits for other points to be stored', async () => {
    await using rig = await Rig.start();
    await writeDegraded(rig, line('x', 1));
    await rig.live();
    const outcome = await rig.put('http', line('d', 1));
    if (outcome.kind !== 'accepted') throw new Error(outcome.reason);
    expect(await rig.proxy.writePath.awaitStored(outcome.last, 15_000)).toBe('stored');
    expect(rig.proxy.primary.open.suspects).toBe(1);
  });

  test('is taken when the metric appears', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await writeDegraded(rig, line('x', 1));
    rig.tsd.faults = {};
    await pass(clock, 25);
    await until(() => rig.proxy.primary.open.suspects === 0, 'taken');
    expect(rig.tsd.points.map(({ metric }) => metric)).toContain('x');
    expect(await deadLetters(rig)).toEqual([]);
  });

  test('is not final while nothing shows that the primary stores', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await writeDegraded(rig, line('x', 1));
    rig.tsd.storage.isOut = true;
    await pass(clock, 120);
    expect(await deadLetters(rig)).toEqual([]);
  });

  test('is let go when its instant is written again', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await writeDegraded(rig, line('x', 1, '1'));
    await rig.live();
    rig.tsd.faults = {};
    await rig.put('http', line('x', 1, '2'));
    await until(() => rig.proxy.primary.open.suspects === 0, 'let go');
    await pass(clock, 60);
    const values = rig.tsd.points.filter(({ metric }) => metric === 'x').map(({ value }) => value);
    expect(new Set(values)).toEqual(new Set(['2']));
  });

  test('holds the cursor, also across a start', async () => {
    await using rig = await Rig.start();
    await writeDegraded(rig, line('x', 1));
    await moment(3_000);
    await rig.close();
    rig.tsd.faults = {};
    await rig.open();
    await until(() => rig.tsd.points.some(({ metric }) => metric === 'x'), 'sent again');
  });
});

describe.concurrent('a point that kills the connection', () => {
  test.each(['http', 'telnet'] as const)(
    'by %s is set aside, its neighbours are delivered, and it ends as a dead letter',
    async (transport) => {
      const clock = new AdvancingClock();
      await using rig = await Rig.start({ clock });
      await rig.live();
      await rig.put('http', line('neighbour', 0));
      rig.tsd.faults = { poisonMetrics: new Set(['x']) };
      const before = Array.from({ length: 20 }, (_, at) => line('a', at));
      const after = Array.from({ length: 20 }, (_, at) => line('b', at));
      await rig.put(transport, ...before, line('x', 1), ...after);
      const count = (): number =>
        new Set(rig.tsd.points.map((one) => one.metric + one.timestamp)).size;
      await until(
        async () => {
          clock.advance(500);
          await moment(20);
          return count() >= 41;
        },
        'delivered around it',
        30_000,
      );
      expect(await deadLetters(rig)).toEqual([]);
      await passUntil(clock, () => rig.proxy.primary.open.suspects === 0, 'given up');
      expect(await deadLetters(rig)).toMatchObject([{ line: line('x', 1) }]);
      expect(await outcomes(rig)).toMatchObject([{ refused: [{ index: 20 }] }]);
      await rig.live();
    },
  );
});

test.concurrent('two points of one backlog that kill the connection are both set aside', async () => {
  const clock = new AdvancingClock();
  await using rig = await Rig.start({ clock });
  await rig.live();
  await rig.put('http', line('neighbour', 0));
  await rig.tsd.stop();
  await rig.put('http', line('a', 0));
  await until(() => rig.proxy.primary.state.kind !== 'live', 'degraded');
  rig.tsd.faults = { poisonMetrics: new Set(['x']) };
  await rig.put('http', line('x', 1), line('b', 1), line('x', 2), line('c', 1));
  await rig.tsd.start();
  await passUntil(clock, async () => (await deadLetters(rig)).length === 2, 'given up');
  expect(await deadLetters(rig)).toMatchObject([{ line: line('x', 1) }, { line: line('x', 2) }]);
  await rig.confirmed();
});

describe.concurrent('a point that kills the connection and is put besides the log', () => {
  test('since it may tie with an earlier write of its instant, ends as a dead letter, too', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await rig.live();
    await rig.put('http', line('x', 1, '1'), line('neighbour', 0));
    rig.tsd.faults = { poisonValues: new Set(['666']) };
    const others = Array.from({ length: 20 }, (_, at) => line('a', at));
    await rig.put('http', ...others, line('x', 1, '666'));
    await passUntil(clock, async () => (await deadLetters(rig)).length > 0, 'given up');
    expect(await deadLetters(rig)).toMatchObject([{ line: line('x', 1, '666') }]);
    await rig.put('http', line('b', 1));
    const isThere = (): boolean => rig.tsd.points.some(({ metric }) => metric === 'b');
    await passUntil(clock, isThere, 'delivered');
    const { durable } = rig.proxy.wal;
    await passUntil(clock, () => isAt(rig.proxy.primary.confirmed, durable), 'confirmed');
  });
});

describe.concurrent('an outage that breaks every request', () => {
  test('of telnet alone costs no point, though the primary stores what comes by HTTP', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await rig.live();
    await rig.put('http', line('neighbour', 0));
    await rig.confirmed();
    rig.tsd.faults = { cut: (transport) => (transport === 'telnet' ? 'before' : undefined) };
    await rig.put('telnet', line('a', 1));
    for (let at = 0; at < 18; at += 1) {
      await rig.put('http', line('neighbour', at + 1));
      await pass(clock, 10);
    }
    expect(await deadLetters(rig)).toEqual([]);
    expect(await outcomes(rig)).toEqual([]);
    rig.tsd.faults = {};
    const isThere = (): boolean => rig.tsd.points.some(({ metric }) => metric === 'a');
    await until(async () => (await pass(clock, 5), isThere()), 'delivered');
  });

  test('from the start on costs no point either', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    await rig.close();
    rig.tsd.faults = { status: 503 };
    await rig.open();
    await rig.put('http', line('a', 1));
    await pass(clock, 300);
    expect(await deadLetters(rig)).toEqual([]);
    expect(await outcomes(rig)).toEqual([]);
    rig.tsd.faults = {};
    const isThere = (): boolean => rig.tsd.points.some(({ metric }) => metric === 'a');
    await until(async () => (await pass(clock, 5), isThere()), 'delivered');
    await rig.confirmed();
  });
});

describe.concurrent('the size of bodies', () => {
  const many = Array.from({ length: 800 }, (_, at) => line('metric.with.a.longer.name', at));

  test('stays within 8 KiB when the primary takes no chunks', async () => {
    await using rig = await Rig.start();
    rig.tsd.settings['tsd.http.request.enable_chunked'] = 'false';
    await rig.close();
    await rig.open();
    await rig.live();
    await rig.put('http', ...many);
    await until(() => rig.tsd.points.length >= 800, 'delivered');
    expect(rig.proxy.primary.state.kind).toBe('live');
  });

  test('is learnt from a refusal when the primary does not tell', async () => {
    await using rig = await Rig.start();
    await rig.close();
    rig.tsd.settings['tsd.http.request.enable_chunked'] = 'false';
    rig.tsd.faults = { noConfig: true };
    await using own = await Rig.start({ primary: () => rig.tsd.url });
    await own.live();
    const puts = (): number =>
      rig.tsd.requests.filter((text) => text.includes('put?details')).length;
    await own.put('http', ...many);
    await until(() => rig.tsd.points.length >= 800, 'delivered');
    const asked = puts();
    await own.put('http', ...many);
    await until(() => rig.tsd.points.length >= 1_600, 'delivered');
    expect(puts() - asked).toBeLessThan(20);
  });
});
