import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { line, outcomes } from './evidence.ts';
import { until } from '../kit/until.ts';
import { isAt, Rig } from './rig.ts';

function metrics(rig: Rig): string[] {
  return rig.tsd.points.map(({ metric }) => metric);
}

/** How often a telnet point was sent; canaries go by HTTP. */
function sent(rig: Rig, name: string): number {
  return rig.tsd.points.filter(({ metric, transport }) => metric === name && transport === 'telnet')
    .length;
}

/** However busy the machine is, answers wait for the primary. */
const PATIENT = { flags: { 'delivery.ackTimeout': '1m' } };

describe.concurrent('while the primary keeps up', () => {
  test('answers wait for it', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    await rig.put('http', line('a', 1));
    await rig.put('telnet', line('b', 1));
    expect(metrics(rig)).toEqual(expect.arrayContaining(['a', 'b']));
    rig.tsd.faults = { delayMs: 200 };
    const startMs = Date.now();
    await rig.put('http', line('a', 2));
    expect(Date.now() - startMs).toBeGreaterThan(190);
  });

  test.each(['http', 'telnet'] as const)(
    'an unknown metric by %s is the client’s error, and an outcome record is durable before it',
    async (transport) => {
      await using rig = await Rig.start(PATIENT);
      await rig.live();
      rig.tsd.faults = { unknownMetrics: new Set(['x']) };
      const outcome = await rig.put(transport, line('a', 1), line('x', 1), line('b', 1));
      const error = expect.stringMatching(/unknown metric/i) as string;
      expect(outcome).toMatchObject({ kind: 'accepted', refusals: [{ line: 1, error }] });
      expect(await outcomes(rig)).toMatchObject([{ refused: [{ index: 1, error }] }]);
      expect(metrics(rig)).toEqual(expect.arrayContaining(['a', 'b']));
    },
  );

  test('a plain body arrives as it was sent, and the errors in it find their lines', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    rig.tsd.faults = { unknownMetrics: new Set(['x']) };
    const points = Array.from({ length: 20 }, (_, at) => {
      const metric = at % 7 === 3 ? 'x' : 'a';
      const rest = `"timestamp":${1_700_000_000 + at}, "value":9007199254740993,"tags":{"h":"a"}`;
      return `{"metric":"${metric}",${rest}}`;
    });
    const outcome = await rig.putJson(` [${points.join(' , ')}]\n`);
    const lines = outcome.kind === 'accepted' ? outcome.refusals : [];
    expect(lines.map((one) => one.line)).toEqual([3, 10, 17]);
    expect(lines[1]?.text).toBe('put x 1700000010 9007199254740993 h=a');
    const sentBody = rig.tsd.bodies.find((body) => body.includes(' , '));
    expect(sentBody).toBe(`[${points.join(' , ')}]`);
    expect(metrics(rig).filter((metric) => metric === 'a').length).toBeGreaterThanOrEqual(17);
  });

  test('telnet errors find their lines, also when many batches are under way', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    rig.tsd.faults = { unknownMetrics: new Set(['x']), delayMs: 2 };
    const outcomesOf = Array.from({ length: 12 }, (_, at) =>
      rig.put('telnet', line('a', at), ...(at % 3 === 0 ? [line('x', at)] : []), line('b', at)),
    );
    for (const [at, outcome] of (await Promise.all(outcomesOf)).entries()) {
      const lines = outcome.kind === 'accepted' ? outcome.refusals.map((one) => one.line) : [];
      expect(lines).toEqual(at % 3 === 0 ? [1] : []);
    }
  });

  test('a batch whose errors are located keeps its place before the next', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    rig.tsd.faults = { unknownMetrics: new Set(['x']), delayMs: 30 };
    const answers: Promise<unknown>[] = [];
    for (const at of [0, 1, 2]) {
      answers.push(
        rig.put('telnet', line('a', 1, String(at)), ...(at === 0 ? [line('x', 1)] : [])),
      );
      await systemClock.sleep(15, new AbortController().signal);
    }
    await Promise.all(answers);
    expect(rig.tsd.points.findLast(({ metric }) => metric === 'a')?.value).toBe('2');
  });

  test('of three writes within one flush the last stays, though the second alone was in doubt', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    await rig.put('telnet', line('a', 1, '1'), line('a', 1, '300'), line('a', 1, '301'));
    await rig.put('telnet', line('b', 1, '1'));
    await rig.put('http', line('b', 1, '1.5'));
    await rig.confirmed();
    const values = rig.tsd.storage.keys().map((key) => rig.tsd.storage.read(key)?.value);
    expect(values).toEqual(['301', '1.5']);
  });

  test('the cursor moves on under steady load', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    const { wal, primary } = rig.proxy;
    const { durable } = wal;
    let at = 0;
    await until(async () => {
      at += 1;
      await rig.put('http', line('a', at));
      return isAt(primary.confirmed, durable) && primary.confirmed?.seq !== 0;
    }, 'confirmed under load');
    expect(at).toBeGreaterThan(20);
  });

  test('a telnet point that HTTP would store otherwise is read back as proof', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    await rig.put('telnet', line('a', 1, '1.5'));
    await rig.confirmed();
    expect(rig.tsd.requests.some((text) => text.startsWith('GET /api/query'))).toBe(true);
    expect(rig.tsd.requests.some((text) => text.includes('sync'))).toBe(false);
  });

  test('`?sync` waits for proof', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.live();
    rig.tsd.storage.isOut = true;
    const outcome = await rig.put('http', line('a', 1));
    if (outcome.kind !== 'accepted') throw new Error(outcome.reason);
    const { writePath } = rig.proxy;
    expect(await writePath.awaitStored(outcome.last, 3_500)).toBe('timeout');
    rig.tsd.storage.isOut = false;
    expect(await writePath.awaitStored(outcome.last, 15_000)).toBe('stored');
    expect(await writePath.awaitStored(outcome.last, 1)).toBe('stored');
  });
});

/** As the fake stores it. */
function shown(rig: Rig, metric: string): string | undefined {
  const { storage } = rig.tsd;
  return storage.read(storage.keys().find((key) => key.includes(`"${metric}"`)) ?? '')?.value;
}

async function start(clock: AdvancingClock, flags: Readonly<Record<string, string>>): Promise<Rig> {
  const rig = await Rig.start({ clock, flags });
  await rig.live();
  return rig;
}

describe.concurrent('when the primary stands still', () => {
  test('a put that it handles only afterwards, and nobody waits for, does not undo a later one', async () => {
    const clock = new AdvancingClock();
    await using rig = await start(clock, {
      'delivery.requestTimeout': '300ms',
      'delivery.ackTimeout': '100ms',
    });
    rig.tsd.freeze();
    await rig.put('http', line('a', 1, '1'));
    await until(() => rig.proxy.primary.state.kind === 'down', 'down');
    clock.advance(60_000);
    await rig.put('http', line('a', 1, '2'), line('b', 1));
    rig.tsd.thaw();
    // Nor does it wait long for the next look at the primary.
    clock.advance(5_000);
    await rig.confirmed();
    expect(shown(rig, 'a')).toBe('2');
  });

  test('nor does a canary', async () => {
    const clock = new AdvancingClock();
    await using rig = await start(clock, {
      'delivery.syncTimeout': '100ms',
      'delivery.ackTimeout': '100ms',
    });
    await rig.put('http', line('a', 1, '1'));
    rig.tsd.freeze();
    await until(() => rig.proxy.primary.state.kind === 'down', 'down');
    clock.advance(60_000);
    await rig.put('http', line('a', 1, '2'), line('b', 1));
    rig.tsd.thaw();
    clock.advance(5_000);
    await rig.confirmed();
    expect(shown(rig, 'a')).toBe('2');
  });

  test('what it had not flushed before ties with nothing that comes after', async () => {
    const clock = new AdvancingClock();
    await using rig = await start(clock, {
      'delivery.syncTimeout': '30s',
      'delivery.ackTimeout': '30s',
    });
    rig.tsd.storage.isOut = true;
    await rig.put('telnet', line('a', 1, '1'), line('b', 1, '1'), line('c', 1, '1'));
    clock.advance(1_500);
    await rig.put('telnet', line('a', 1, '300'));
    rig.tsd.faults = { delayMs: 50 };
    const late = rig.put('http', line('d', 1));
    await until(() => rig.tsd.requests.some((text) => text.endsWith('put?details')), 'sent');
    clock.advance(1_500);
    await late;
    rig.tsd.faults = {};
    await rig.put('telnet', line('e', 1));
    await rig.put('telnet', line('b', 1, '300'), line('e', 2));
    rig.tsd.storage.isOut = false;
    await rig.confirmed();
    expect([shown(rig, 'a'), shown(rig, 'b')]).toEqual(['300', '300']);
  });

  test('a rewrite is mended only once both writes of it are stored', async () => {
    const clock = new AdvancingClock();
    await using rig = await start(clock, { 'delivery.syncTimeout': '30s' });
    rig.tsd.storage.isOut = true;
    await rig.put('telnet', line('a', 1, '1'), line('a', 1, '300'), line('b', 1, '1'));
    clock.advance(3_000);
    await until(() => rig.tsd.requests.some((text) => text.includes('sync')), 'asked for proof');
    rig.tsd.storage.isOut = false;
    await rig.confirmed();
    expect(shown(rig, 'a')).toBe('300');
  });
});

describe.concurrent('when the primary fails', () => {
  test('it is degraded after the ack timeout, and live again after', async () => {
    await using rig = await Rig.start();
    await rig.live();
    rig.tsd.faults = { delayMs: 1_500 };
    const answers = [rig.put('http', line('a', 1)), rig.put('telnet', line('b', 1))];
    await until(() => rig.proxy.primary.state.kind !== 'live', 'degraded');
    await Promise.all(answers);
    rig.tsd.faults = {};
    await rig.live();
    await rig.put('http', line('a', 2));
    expect(metrics(rig)).toEqual(expect.arrayContaining(['a', 'b']));
  });

  test('it is live again after a lost connection to the same process', async () => {
    await using rig = await Rig.start();
    await using proxy = await TcpProxy.start(rig.tsd.port);
    await using own = await Rig.start({ primary: () => proxy.url });
    await own.live();
    await proxy.set({ kind: 'refuse' });
    await own.put('http', line('a', 1));
    await until(() => own.proxy.primary.state.kind === 'down', 'down');
    await proxy.set({ kind: 'pass' });
    await own.live();
    expect(metrics(rig)).toContain('a');
  });

  test('a restart sends again from the cursor, an idle close does not', async () => {
    await using rig = await Rig.start();
    await using proxy = await TcpProxy.start(rig.tsd.port);
    await using own = await Rig.start({
      primary: () => proxy.url,
      flags: { 'delivery.healWindow': '1m' },
    });
    await own.live();
    await own.put('telnet', line('a', 1));
    await own.put('http', line('b', 1));
    await proxy.set({ kind: 'refuse' });
    await proxy.set({ kind: 'pass' });
    await own.put('http', line('c', 1));
    await own.live();
    await own.put('telnet', line('d', 1));
    expect(sent(rig, 'a')).toBe(1);
    await rig.tsd.crash();
    await rig.tsd.start();
    await until(() => sent(rig, 'a') === 2, 'sent again');
    await own.live();
    rig.tsd.storage.flush();
    const stored = rig.tsd.storage.keys().map((key) => rig.tsd.storage.read(key)?.metric);
    expect(new Set(stored)).toEqual(new Set(['a', 'b', 'c', 'd']));
  });

  test('moved exception counters send a stretch again, but only once', async () => {
    await using rig = await Rig.start({ flags: { 'delivery.healWindow': '2s' } });
    await rig.live();
    await rig.put('http', line('a', 1));
    const sends = (): number =>
      rig.tsd.requests.filter((text) => text.includes('put?details')).length;
    for (let at = 0; at < 40; at += 1) {
      rig.tsd.exceptions += 1;
      await systemClock.sleep(60, new AbortController().signal);
    }
    await rig.confirmed();
    expect(sends()).toBe(2);
  });

  test('storage errors on telnet are never refusals', async () => {
    await using rig = await Rig.start();
    await rig.live();
    rig.tsd.faults = { storage: 'gone' };
    await rig.put('telnet', line('a', 1));
    await rig.put('telnet', line('a', 2));
    rig.tsd.faults = {};
    await rig.confirmed();
    expect(await outcomes(rig)).toEqual([]);
    expect(rig.proxy.primary.open.suspects).toBe(0);
    expect(rig.tsd.storage.keys()).toHaveLength(2);
  });

  test('the cursor waits for Kafka, since other proxies see only what is there', async () => {
    const flags = {
      'kafka.brokers': '127.0.0.1:9',
      'kafka.topic.name': 't',
      'archiver.unregistered': 'allow',
    };
    await using rig = await Rig.start({ flags });
    await rig.live();
    const { primary, writePath, wal } = rig.proxy;
    await until(() => wal.isAdmitted, 'taking data');
    await rig.put('http', line('a', 1));
    expect(await writePath.awaitStored(wal.durable, 5_000)).toBe('stored');
    await systemClock.sleep(3_500, new AbortController().signal);
    expect(primary.confirmed).toBeUndefined();
  });
});
