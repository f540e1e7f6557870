import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { until } from '../kit/until.ts';
import { deadLetters, line, outcomes } from './evidence.ts';
import { Rig } from './rig.ts';

/** Lets this much time pass, with a write every twenty seconds that shows that others are stored. */
async function pass(rig: Rig, clock: AdvancingClock, seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at += 5) {
    if (at % 20 === 0) await rig.put('http', line('neighbour', at));
    clock.advance(5_000);
    await systemClock.sleep(60, new AbortController().signal);
  }
}

describe.concurrent('a refusal that comes up again is no news', () => {
  test('after a start, when its client was told', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({ clock });
    rig.tsd.faults = { unknownMetrics: new Set(['x']) };
    await rig.live();
    const outcome = await rig.put('http', line('a', 0), line('x', 1));
    expect(outcome).toMatchObject({ kind: 'accepted', refusals: [{ line: 1 }] });
    await rig.close();
    await rig.open();
    await rig.live();
    await pass(rig, clock, 120);
    expect(await deadLetters(rig)).toEqual([]);
    expect(await outcomes(rig)).toHaveLength(1);
  });

  test('after a step back, when it was written down', async () => {
    const clock = new AdvancingClock();
    await using rig = await Rig.start({
      clock,
      flags: { 'delivery.healWindow': '5m', ack: 'wal' },
    });
    const { primary } = rig.proxy;
    rig.tsd.faults = { unknownMetrics: new Set(['x']) };
    await rig.live();
    await rig.put('http', line('x', 1));
    await until(() => primary.open.suspects > 0, 'refused');
    await pass(rig, clock, 90);
    await until(() => primary.open.suspects === 0, 'given up');
    const resumes = async (): Promise<number> =>
      Number(/_primary_resumes_total (\d+)/.exec(await rig.scrape())?.[1]);
    const before = await resumes();
    primary.again('the test says so');
    await until(async () => (await resumes()) > before, 'back');
    await pass(rig, clock, 90);
    expect(primary.open.suspects).toBe(0);
    expect(await deadLetters(rig)).toHaveLength(1);
    expect(await outcomes(rig)).toHaveLength(1);
  });
});
