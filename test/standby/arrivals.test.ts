import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fork } from '../../src/record/fork.ts';
import { forksIn } from '../../src/record/lane-control.ts';
import type { Position } from '../../src/record/position.ts';
import { readLines, readRecords } from '../../src/record/record.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Arrivals } from '../../src/standby/arrivals.ts';
import { Gate } from '../../src/standby/gate.ts';
import type { LaneFrame } from '../../src/record/lane-frame.ts';
import { beginningAt, lacking, type Place } from '../../src/standby/place.ts';
import type { SourceRead, StandbySource } from '../../src/standby/standby-source.ts';
import { frameOf } from '../kit/frames.ts';
import { until } from '../kit/until.ts';

/** Gives frames in their order; `agains` says before which of them all since another one is given again. */
class ListSource implements StandbySource {
  readonly #reads: readonly SourceRead[];
  #next = 0;
  #place: Place = beginningAt(null);
  unread = 0;
  heldSinceMs = undefined;

  constructor(reads: readonly SourceRead[]) {
    this.#reads = reads;
  }

  completeToMs(): number {
    return Infinity;
  }

  async next(): Promise<SourceRead | undefined> {
    for (;;) {
      const read = this.#reads[this.#next];
      if (read === undefined) return undefined;
      this.#next += 1;
      if (read.kind !== 'frame') return read;
      const frame = lacking(read.frame, this.#place);
      if (frame !== undefined) return { kind: 'frame', frame };
    }
  }

  forksAhead(): Promise<readonly Fork[]> {
    const rest = this.#reads.slice(this.#next);
    return Promise.resolve(
      rest.flatMap((read) => (read.kind === 'frame' ? forksIn(read.frame) : [])),
    );
  }

  isSaidBy(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async seek(place: Place): Promise<void> {
    this.#place = place;
    this.#next = 0;
  }

  async close(): Promise<void> {}
}

interface Seen {
  readonly position: Position;
  readonly name: string;
}

/** Reads as the delivery does: now and then it goes back to something that it has read, or confirms it. */
async function readAll(
  arrivals: Arrivals,
  choices: readonly number[],
): Promise<{ readonly seen: Seen[]; readonly places: (readonly [Position, Place])[] }> {
  const start = arrivals.end;
  const seen: Seen[] = [];
  const places: (readonly [Position, Place])[] = [];
  let place = start;
  let confirmed = 0;
  for (let step = 0, idle = 0; idle < 30; step += 1) {
    const choice = choices[step] ?? 10;
    if (choice === 0 && seen.length > confirmed) {
      const back = confirmed + ((step * 7) % (seen.length - confirmed + 1));
      seen.length = back;
      place = seen.at(-1)?.position ?? start;
    } else if (choice === 1 && seen.length > confirmed) {
      confirmed += 1 + ((step * 5) % (seen.length - confirmed));
      const { position = start } = seen[confirmed - 1] ?? {};
      places.push([position, arrivals.confirm(position)]);
    }
    const read = await arrivals.next(place);
    if (read?.kind !== 'frame') {
      idle += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    idle = 0;
    const { ordinal, lane } = read;
    let seq = read.firstSeq;
    for (const record of readRecords(read.body)) {
      const passed = place.ordinal === ordinal ? place.seq : 0;
      if (seq > passed) {
        const position = { lane, ordinal, seq };
        seen.push({ position, name: [...readLines(read.body, record)].join() });
        place = position;
        // Not always all of it, as a chunk that is full.
        if (choice === 2) break;
      }
      seq += 1;
    }
  }
  return { seen, places };
}

function arrivalsOf(
  source: StandbySource,
  stopAtMs = Infinity,
  gate = new Gate({ delayMs: 0, stopAtMs, isPaused: false }),
): Arrivals {
  return new Arrivals({
    source,
    clock: systemClock,
    gate,
    place: beginningAt(null),
    sentToMs: 0,
    forks: [],
    limits: { aheadBytesMax: 200, recentBytesMax: 100, arrivalsMax: 1_000 },
    events: {
      sending: () => Promise.resolve(),
      forked: () => undefined,
      released: () => undefined,
      again: () => undefined,
      trouble: () => undefined,
      taken: () => undefined,
    },
  });
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
  test('come in their order, each once behind the place that was gone back to, and a place tells what is contained', async () => {
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
        const { seen, places } = await readAll(arrivals, chosen);
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
  }, 60_000);

  test('that are given again follow what was before, and a place in between tells that they are lacking', async () => {
    const a = frameOf('a', 1, [
      { receivedAt: 10, lines: ['put m 1 a1 a=b'] },
      { receivedAt: 30, lines: ['put m 1 a2 a=b'] },
    ]);
    const b = frameOf('b', 1, [{ receivedAt: 20, lines: ['put m 1 b1 a=b'] }]);
    const place: Place = { sinceMs: 19, latestMs: 19, lanes: new Map() };
    const arrivals = arrivalsOf(
      new ListSource([
        { kind: 'frame', frame: a },
        { kind: 'again', place, reason: 'b came late' },
        { kind: 'frame', frame: b },
        { kind: 'frame', frame: a },
      ]),
    );
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    const { seen } = await readAll(arrivals, []);
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
    const { seen } = await readAll(arrivals, []);
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
    const { seen } = await readAll(arrivals, []);
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
    const gate = new Gate({ delayMs: 0, stopAtMs: Infinity, isPaused: false });
    gate.drain(20);
    const arrivals = arrivalsOf(new ListSource(reads), Infinity, gate);
    const stop = new AbortController();
    const running = arrivals.run(stop.signal);
    const before = await readAll(arrivals, []);
    expect(before.seen.map(({ name }) => name.split(' ')[3])).toEqual(['a1']);
    const { end } = arrivals;
    reads.push({ kind: 'fork', fork: { id: '0123456789abcdef', at: 20, undone } });
    // The drain is given up once the fork is known.
    await systemClock.sleep(300, stop.signal);
    gate.drain(undefined);
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
