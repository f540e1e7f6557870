import { beforeEach, describe, expect, test } from 'vitest';
import { Canary } from '../../src/follow/prove/canary.ts';
import { QuietWatch, type PutStanding } from '../../src/follow/prove/quiet-watch.ts';

const POINT = {
  position: { lane: 'a', ordinal: 1, seq: 1 },
  receivedAt: 0,
  line: 'put a 1 1 h=x',
  telnet: false,
  high: 1,
  low: 0,
};

describe('what is put now comes surely after what was put before', () => {
  let canary: Canary;
  let quiet: QuietWatch;
  let answers: (boolean | undefined)[];
  const standing = (handled: number, nowMs: number): Promise<PutStanding> =>
    quiet.standing({ handled, flushedMs: 100, sinceMs: 100 }, nowMs);
  const isAfter = async (handled: number, nowMs: number): Promise<boolean> =>
    (await standing(handled, nowMs)) === 'after';

  beforeEach(() => {
    canary = new Canary();
    canary.offerAgain(POINT);
    answers = [];
    quiet = new QuietWatch({ isQuiet: () => Promise.resolve(answers.shift()) }, canary);
    handle(1);
  });

  function handle(requests: number): void {
    for (let request = 0; request < requests; request += 1) canary.note();
  }

  function prove(nowMs: number): void {
    canary.send(nowMs);
    canary.landed(true, nowMs);
  }

  test('when it is proven stored and the TSD was quiet since, for which it is asked once', async () => {
    answers = [true, true];
    expect(await isAfter(1, 150)).toBe(false);
    prove(160);
    expect(await isAfter(1, 170)).toBe(true);
    expect(await isAfter(1, 180)).toBe(true);
    expect(answers).toHaveLength(1);
  });

  test('not when it was quiet before the proof only', async () => {
    answers = [true, false];
    handle(1);
    canary.send(150);
    handle(1);
    canary.landed(true, 160);
    expect(await isAfter(2, 170)).toBe(true);
    prove(180);
    expect(await isAfter(3, 190)).toBe(false);
  });

  test('when the TSD does not say, which tells nothing of the next time', async () => {
    answers = [undefined, false];
    prove(160);
    expect(await isAfter(1, 170)).toBe(true);
    expect(await isAfter(1, 180)).toBe(false);
  });

  test('or is given up after ten seconds, unless it is known at last', async () => {
    answers = [false, false, true];
    expect(await standing(1, 10_099)).toBe('not yet');
    expect(await standing(1, 10_100)).toBe('given up');
    prove(10_110);
    expect(await standing(1, 10_120)).toBe('given up');
    expect(await standing(1, 10_130)).toBe('given up');
    expect(await standing(1, 10_140)).toBe('after');
  });
});
