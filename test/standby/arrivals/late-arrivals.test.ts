import { describe, expect, test } from 'vitest';
import type { LaneFrame } from '../../../src/record/lane-frame.ts';
import type { Position } from '../../../src/record/position.ts';
import type { Arrivals } from '../../../src/standby/arrivals/arrivals.ts';
import { Gate } from '../../../src/standby/arrivals/gate.ts';
import type { Place } from '../../../src/standby/place.ts';
import { frameOf } from '../../kit/frames.ts';
import { until } from '../../kit/until.ts';
import { arrivalsOf, ListSource, readThrough, type Seen } from './list-source.ts';

/** Records of a lane that were received at these times. */
function at(lane: string, seq: number, ...ms: number[]): LaneFrame {
  const records = ms.map((receivedAt) => ({
    receivedAt,
    lines: [`put m 1 ${lane}${receivedAt} a=b`],
  }));
  return frameOf(lane, seq, records);
}

function valueOf({ name }: { readonly name: string }): string | undefined {
  return name.split(' ')[3];
}

/** All that comes after a position, up to the record that was received then of lane c. */
async function readTo(
  arrivals: Arrivals,
  ms: number,
  after: Position | undefined,
): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  await until(async () => {
    const more = await readThrough(arrivals, [], seen.at(-1)?.position ?? after);
    seen.push(...more.seen);
    return seen.some((one) => valueOf(one) === `c${ms}`);
  }, `c${ms} passed`);
  return seen;
}

describe('arrivals, of which some came late,', () => {
  test('up to a time are over only once what came late is among them, however much later it comes', async () => {
    const later = Array.from({ length: 20 }, (_, index) => at('c', 4 + index, 40 + index));
    const place: Place = { sinceMs: null, latestMs: 15, lanes: new Map() };
    const lanes = new Map([['c', { ordinal: 1, seq: 1, receivedAt: 10 }]]);
    const frames = [at('c', 1, 10, 18, 30), ...later];
    const source = new ListSource([
      ...frames.map((frame) => ({ kind: 'frame', frame }) as const),
      { kind: 'again', place: { ...place, lanes }, reason: 'a came late' },
      ...[at('a', 1, 15), ...frames].map((frame) => ({ kind: 'frame', frame }) as const),
    ]);
    source.isLateAway = true;
    const gate = new Gate({ delayMs: 0, stopAtMs: 20, isPaused: false });
    const arrivals = arrivalsOf(source, 20, gate);
    const start = arrivals.end;
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    const early = await readTo(arrivals, 18, start);
    expect(early.map(valueOf)).toEqual(['c10', 'c18']);
    // All that there is has passed, and more may come.
    expect(arrivals.isOver).toBe(false);
    source.isLateAway = false;
    await until(() => arrivals.isOver, 'passed');
    const seen = await readTo(arrivals, 18, early.at(-1)?.position);
    expect(seen.map(valueOf)).toEqual(['a15', 'c18']);
    // All of it is read when it is not to stop there any more.
    gate.drain(Infinity);
    const rest = await readTo(arrivals, later.at(-1)?.lastReceivedAt ?? 0, seen.at(-1)?.position);
    stop.abort();
    await running;
    expect(rest.map(valueOf)).toEqual([
      'c30',
      ...later.map(({ firstReceivedAt }) => `c${firstReceivedAt}`),
    ]);
  });

  test('that are here when a drain is begun are not in the way of what came late', async () => {
    const frames = Array.from({ length: 20 }, (_, index) => at('c', 1 + index, 10 * (1 + index)));
    const lanes = new Map([['c', { ordinal: 1, seq: 1, receivedAt: 10 }]]);
    const place: Place = { sinceMs: null, latestMs: 15, lanes };
    const source = new ListSource([
      ...frames.map((frame) => ({ kind: 'frame', frame }) as const),
      { kind: 'again', place, reason: 'a came late' },
      ...[at('a', 1, 15), ...frames].map((frame) => ({ kind: 'frame', frame }) as const),
    ]);
    const gate = new Gate({ delayMs: 0, stopAtMs: Infinity, isPaused: true });
    const arrivals = arrivalsOf(source, Infinity, gate);
    const start = arrivals.end;
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    await until(() => arrivals.behind(arrivals.end).records > 3, 'read ahead as far as it may');
    gate.drain(25);
    expect(arrivals.isOverAt(25)).toBe(false);
    await until(() => arrivals.isOverAt(25), 'passed');
    const { seen } = await readThrough(arrivals, [], start);
    const names = seen.map(valueOf);
    expect(names.slice(names.indexOf('a15'))).toEqual(['a15', 'c20']);
    gate.drain(undefined);
    gate.resume();
    const rest = await readTo(arrivals, 200, seen.at(-1)?.position);
    stop.abort();
    await running;
    expect(rest.map(valueOf)).toEqual(
      frames.slice(2).map(({ firstReceivedAt }) => `c${firstReceivedAt}`),
    );
  });
});
