import { expect, test } from 'vitest';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { LookThrough, WINNERS_MAX } from '../../src/follow/others/look-through.ts';
import { Undone } from '../../src/record/fork.ts';
import type { LaneFrame } from '../../src/record/lane-frame.ts';
import { frameOf } from '../kit/frames.ts';

const START = 1_700_000_000_000;
const FRAME_LINES = 500;
const FRAMES = 25;
const LIMITS = {
  visibleMsMax: 0,
  clockBoundMs: 1_000,
  pauseMs: 1_000,
  aloneMs: Infinity,
  oldMs: 10_000,
  putsMax: 600_000,
};

/** The instants of one frame, with a value for each. */
function linesOf(frame: number, value: string): string[] {
  const first = 1_700_000_000 + frame * FRAME_LINES;
  return Array.from({ length: FRAME_LINES }, (_, at) => `put m ${first + at} ${value} h=x`);
}

test('no more writes of others than are put together are gathered: the rest is read when those were put', async () => {
  let nowMs = 0;
  let read = 0;
  const given: { readonly points: number; readonly read: number }[] = [];
  const stop = new AbortController();
  const look = new LookThrough({
    others: {
      seeAll: () => true,
      async *read(): AsyncIterable<LaneFrame> {
        await Promise.resolve();
        for (let frame = 0; frame < FRAMES; frame += 1) {
          read += FRAME_LINES;
          yield frameOf('b', frame + 1, [{ receivedAt: START + 5, lines: linesOf(frame, '2') }]);
        }
        stop.abort();
      },
    },
    limits: LIMITS,
    clock: {
      now: () => START + nowMs,
      monotonicMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
    receiveNow: () => START + nowMs,
    undone: new Undone(),
    flushSpanMs: () => 1_000,
    passed: () => undefined,
    events: {
      giveWay: async (winners) => {
        given.push({ points: winners.count, read });
        // Whoever would read on has the time to.
        for (let turn = 0; turn < 10; turn += 1) await new Promise((done) => setImmediate(done));
        expect(read).toBe(given.at(-1)?.read);
      },
      again: () => undefined,
      state: () => undefined,
    },
  });
  for (let frame = 0; frame < FRAMES; frame += 1) {
    const chunk = new Chunk(65_536, FRAME_LINES);
    const bytes = Buffer.from(
      linesOf(frame, '1')
        .map((line) => `${line}\n`)
        .join(''),
    );
    chunk.add(bytes, 0, bytes.length, { seq: frame + 1, telnet: false, receivedAt: START });
    chunk.last = { lane: 'a', ordinal: 1, seq: frame + 1 };
    look.depart(chunk, [...chunk.seqs.keys()]).landed(0);
  }
  await look.run(stop.signal);
  expect(given.map(({ points }) => points)).toEqual([
    WINNERS_MAX,
    WINNERS_MAX,
    FRAMES * FRAME_LINES - 2 * WINNERS_MAX,
  ]);
});
