import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readLines, readRecords } from '../../../src/record/record.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Gate } from '../../../src/standby/arrivals/gate.ts';
import type { LaneFrame } from '../../../src/record/lane-frame.ts';
import { lacking, type Place } from '../../../src/standby/place.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import { frameOf } from '../../kit/frames.ts';
import { until } from '../../kit/until.ts';
import { arrivalsOf, ListSource, readThrough } from './list-source.ts';

/** What is due is told to it. */
class MovedGate extends Gate {
  passingMs = Infinity;

  override limitMs(): number {
    return this.passingMs;
  }
}

/** Frames of some lanes, in an order that keeps that of each lane. */
const framesOf = (sizes: readonly (readonly [number, number])[]): LaneFrame[] => {
  const seqs = new Map<number, number>();
  let at = 1_000;
  return sizes.map(([lane, records]) => {
    const first = (seqs.get(lane) ?? 0) + 1;
    seqs.set(lane, first + records - 1);
    return frameOf(
      `lane${lane}`,
      first,
      Array.from({ length: records }, (_, index) => {
        at += 1;
        return { receivedAt: at, lines: [`put m ${at} ${lane}.${first + index} a=b`] };
      }),
    );
  });
};

describe('arrivals', () => {
  test('come in their order, each once after the place that was gone back to, and a place tells what is contained', async () => {
    const sizes = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    const choices = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(sizes, choices, async (given, chosen) => {
        const frames = framesOf(given);
        const all = frames.flatMap(({ body }) =>
          [...readRecords(body)].map((record) => [...readLines(body, record)].join()),
        );
        const arrivals = arrivalsOf(
          new ListSource(frames.map((frame) => ({ kind: 'frame', frame }))),
        );
        const stop = new AbortController();
        const running = arrivals.run(stop.signal);
        const { seen, places } = await readThrough(arrivals, chosen);
        stop.abort();
        await running;
        expect(seen.map(({ name }) => name)).toEqual(all);
        for (const [position, place] of places) {
          const index = seen.findIndex(
            (one) => one.position.ordinal === position.ordinal && one.position.seq === position.seq,
          );
          const rest = frames.flatMap((frame) => lacking(frame, place) ?? []);
          const names = rest.flatMap(({ body }) =>
            [...readRecords(body)].map((record) => [...readLines(body, record)].join()),
          );
          expect(names).toEqual(all.slice(index + 1));
        }
      }),
      {
        numRuns: 60,
        // Confirmed before the next was asked for: what it took up was never free again.
        examples: [
          [
            [
              [1, 4],
              [1, 4],
              [1, 1],
              [1, 2],
              [1, 1],
            ],
            [0, 0, 0, 1, 0, 2, 1, 1],
          ],
        ],
      },
    );
  });

  test('that are given again follow what was before, and a place in between tells that they are lacking', async () => {
    const a = frameOf('a', 1, [
      { receivedAt: 10, lines: ['put m 1 a1 a=b'] },
      { receivedAt: 30, lines: ['put m 1 a2 a=b'] },
    ]);
    const b = frameOf('b', 1, [{ receivedAt: 20, lines: ['put m 1 b1 a=b'] }]);
    const place: Place = { sinceMs: 19, latestMs: 19, lanes: new Map() };
    const reads: SourceRead[] = [{ kind: 'frame', frame: a }];
    const arrivals = arrivalsOf(new ListSource(reads));
    const start = arrivals.end;
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    await until(() => arrivals.end.seq === 2, 'passed');
    reads.push(
      { kind: 'again', place, reason: 'b came late' },
      { kind: 'frame', frame: b },
      { kind: 'frame', frame: a },
    );
    await until(() => arrivals.end.ordinal === 2, 'passed again');
    const { seen } = await readThrough(arrivals, [], start);
    stop.abort();
    await running;
    expect(seen.map(({ name }) => name.split(' ')[3])).toEqual(['a1', 'a2', 'b1', 'a2']);
    const placeAfter = (index: number): Place =>
      arrivals.confirm(seen[index]?.position ?? arrivals.end);
    expect(placeAfter(1).lanes.get('a')).toMatchObject({ seq: 2 });
    const between = placeAfter(2);
    expect(lacking(a, between)).toMatchObject({ firstSeq: 2 });
    expect(lacking(b, between)).toBeUndefined();
    expect(lacking(a, placeAfter(3))).toBeUndefined();
  });

  test('up to a time that lies within a frame are over when that part has passed', async () => {
    const frame = frameOf('a', 1, [
      { receivedAt: 10, lines: ['put m 1 a1 a=b'] },
      { receivedAt: 30, lines: ['put m 1 a2 a=b'] },
    ]);
    const arrivals = arrivalsOf(new ListSource([{ kind: 'frame', frame }]), 20);
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    const { seen } = await readThrough(arrivals, []);
    expect(seen.map(({ name }) => name.split(' ')[3])).toEqual(['a1']);
    expect([arrivals.isOver, arrivals.isOverAt(20), arrivals.isOverAt(30)]).toEqual([
      true,
      true,
      false,
    ]);
    stop.abort();
    await running;
  });

  test('are left out where a fork undoes them that is further on than can be read ahead', async () => {
    const lane = 'aaaaaaaaaaaaaaaa';
    const put = (n: number): LaneFrame =>
      frameOf(lane, n, [{ receivedAt: 1_000 + n, lines: [`put m ${n} ${n} a=b`] }]);
    const frames = Array.from({ length: 40 }, (_, index) => put(index + 1));
    const undone = [{ lane, from: 11, to: 38 }];
    const lines = [`!fork ${JSON.stringify({ id: '0123456789abcdef', at: 1_010, undone })}`];
    const said = frameOf(lane, 41, [{ receivedAt: 2_000, lines, transport: 'log' }]);
    const all = [...frames, said];
    const arrivals = arrivalsOf(new ListSource(all.map((frame) => ({ kind: 'frame', frame }))));
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    const { seen } = await readThrough(arrivals, []);
    stop.abort();
    await running;
    const values = seen.flatMap(({ name }) => /^put m \d+ (\d+)/.exec(name)?.[1] ?? []);
    expect(values.map(Number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 39, 40]);
  });

  test('of which a part has passed are left out where a fork undoes the rest', async () => {
    const frame = frameOf('a', 1, [
      { receivedAt: 10, lines: ['put m 1 a1 a=b'] },
      { receivedAt: 30, lines: ['put m 1 a2 a=b'] },
      { receivedAt: 40, lines: ['put m 1 a3 a=b'] },
    ]);
    const undone = [{ lane: 'a', from: 2, to: 2 }];
    const reads: SourceRead[] = [{ kind: 'frame', frame }];
    const gate = new MovedGate({ delayMs: 0, stopAtMs: Infinity, isPaused: false });
    gate.passingMs = 20;
    const arrivals = arrivalsOf(new ListSource(reads), Infinity, gate);
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    const before = await readThrough(arrivals, []);
    expect(before.seen.map(({ name }) => name.split(' ')[3])).toEqual(['a1']);
    const { end } = arrivals;
    reads.push({ kind: 'fork', fork: { id: '0123456789abcdef', at: 20, undone } });
    // The rest is due once the fork is known.
    await systemClock.sleep(300, stop.signal);
    gate.passingMs = Infinity;
    await until(() => arrivals.end.seq > end.seq, 'released');
    const read = await arrivals.next(end);
    stop.abort();
    await running;
    if (read?.kind !== 'frame') throw new Error('no frame');
    const names = [...readRecords(read.body)].map((record) =>
      Array.from(readLines(read.body, record)),
    );
    expect(names).toEqual([['put m 1 a1 a=b'], [], ['put m 1 a3 a=b']]);
    expect(arrivals.recordAt({ ...end, seq: 3 }, 0)).toMatchObject({ lane: 'a', seq: 3, index: 0 });
  });
});
