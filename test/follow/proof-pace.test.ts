import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { until } from '../kit/until.ts';
import { line } from './evidence.ts';
import { isAt, Rig } from './rig.ts';

/** However busy the machine is, answers wait for the primary. */
const PATIENT = { flags: { 'delivery.ackTimeout': '1m' } };
/** Between two rounds of confirming. */
const ROUND_MS = 250;

function proofs(rig: Rig): number {
  return rig.tsd.requests.filter((text) => text.includes('?sync')).length;
}

test('a steady load is proven once a second', async () => {
  await using rig = await Rig.start(PATIENT);
  await rig.live();
  const startMs = performance.now();
  const wanted = 4;
  let at = 0;
  await until(async () => {
    at += 1;
    await rig.put('http', line('a', at));
    return proofs(rig) >= wanted;
  }, 'proven');
  expect(performance.now() - startMs).toBeGreaterThan((wanted - 1) * 1_000);
});

test('where a client waits for it, a load is proven at once', async () => {
  let rounds = 0;
  const sleep: Clock['sleep'] = (ms, signal) => {
    if (ms === ROUND_MS) rounds += 1;
    return systemClock.sleep(ms, signal);
  };
  await using rig = await Rig.start({ ...PATIENT, clock: { ...systemClock, sleep } });
  await rig.live();
  const waits = 8;
  for (let at = 1; at <= waits; at += 1) {
    const outcome = await rig.put('http', line('a', at));
    if (outcome.kind !== 'accepted') throw new Error(outcome.reason);
    expect(await rig.proxy.writePath.awaitStored(outcome.last, 60_000)).toBe('stored');
  }
  expect(rounds).toBeLessThan(waits * 2.5);
});

test('what was proven before nobody could look is confirmed a heal window after it can be looked at', async () => {
  const clock = new AdvancingClock();
  const flags = { ...PATIENT.flags, 'delivery.healWindow': '30s' };
  await using rig = await Rig.start({ flags, clock });
  await rig.live();
  // It stands still from the proof on, before it can be asked how it is.
  rig.tsd.requests.push = (text: string): number => {
    if (text.endsWith('/api/stats') && proofs(rig) > 0) rig.tsd.freeze();
    return Array.prototype.push.call(rig.tsd.requests, text);
  };
  await rig.put('http', line('a', 1));
  const put = rig.proxy.wal.durable;
  await until(() => rig.proxy.primary.state.kind === 'down', 'proven, and down');
  clock.advance(60_000);
  Reflect.deleteProperty(rig.tsd.requests, 'push');
  rig.tsd.thaw();
  const backoff = async (): Promise<boolean> => {
    clock.advance(100);
    await systemClock.sleep(20, new AbortController().signal);
    return rig.proxy.primary.state.kind === 'live';
  };
  await until(backoff, 'reached');
  await systemClock.sleep(4 * ROUND_MS, new AbortController().signal);
  expect(isAt(rig.proxy.primary.confirmed, put)).toBe(false);
  clock.advance(60_000);
  await rig.confirmed();
});

test('at rest what the log says of itself is told of every few seconds, with one look at the primary', async () => {
  const clock = new AdvancingClock();
  const looks = (): number => rig.tsd.requests.filter((text) => text.endsWith('/api/stats')).length;
  const pass = async (seconds: number): Promise<void> => {
    for (let at = 0; at < seconds; at += 1) {
      clock.advance(1_000);
      await systemClock.sleep(20, new AbortController().signal);
    }
  };
  await using rig = await Rig.start({ ...PATIENT, clock });
  await rig.live();
  await rig.put('http', line('a', 1));
  await pass(60);
  const [lookedBefore, durable, beganMs] = [looks(), rig.proxy.wal.durable, clock.monotonicMs()];
  const looked = 8;
  await until(async () => (await pass(1), looks() - lookedBefore >= looked), 'looked');
  const paceMs = (clock.monotonicMs() - beganMs) / looked;
  expect(paceMs).toBeGreaterThan(4_000);
  expect(paceMs).toBeLessThan(15_000);
  await until(async () => (await pass(1), isAt(rig.proxy.primary.confirmed, durable)), 'confirmed');
  await rig.put('http', line('a', 2));
  const put = rig.proxy.wal.durable;
  await until(async () => (await pass(1), isAt(rig.proxy.primary.confirmed, put)), 'confirmed');
});
