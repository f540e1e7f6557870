import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { until } from '../kit/until.ts';
import { line } from './evidence.ts';
import { Rig } from './rig.ts';

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
