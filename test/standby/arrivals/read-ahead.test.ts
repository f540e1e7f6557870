import { expect, test } from 'vitest';
import { Undone } from '../../../src/record/fork.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ArrivalIndex } from '../../../src/standby/arrivals/arrival-index.ts';
import { ForkWatch } from '../../../src/standby/arrivals/fork-watch.ts';
import { ReadAhead } from '../../../src/standby/arrivals/read-ahead.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { Refusals } from '../../../src/standby/arrivals/refusals.ts';
import { frameOf } from '../../kit/frames.ts';
import { until } from '../../kit/until.ts';
import { ListSource } from './list-source.ts';

/** It is asked for what was said, and answers when it is told to. */
class AskedSource extends ListSource {
  answer: ((isSaid: boolean) => void) | undefined;

  override isSaidBy(): Promise<boolean> {
    return new Promise((resolve) => (this.answer = resolve));
  }
}

const none = (): void => undefined;

const FORK = { id: '0123456789abcdef', at: 50, undone: [] };

/** Of two frames the second tells a fork, of which the source is asked whether it was told before. */
function openReadAhead(keptToMs: number) {
  const lines = [`!fork ${JSON.stringify(FORK)}`];
  const frames = [
    frameOf('a', 1, [{ receivedAt: 110, lines: ['put m 1 1 a=b'] }]),
    frameOf('a', 2, [{ receivedAt: 120, lines, transport: 'log' }]),
  ];
  const source = new AskedSource(frames.map((frame) => ({ kind: 'frame', frame })));
  const place = beginningAt(100);
  const index = new ArrivalIndex(place);
  const undone = new Undone([]);
  const clock = systemClock;
  const readAhead = new ReadAhead({
    source,
    clock,
    place,
    keptToMs,
    index,
    refusals: new Refusals(undone),
    forks: new ForkWatch({ source, clock, place, undone, sentToMs: () => 200, onForked: none }),
    released: () => index.end,
    events: { again: none, missing: none, taken: none },
  });
  return { source, index, readAhead };
}

test('what is told to go back while it looks for what a frame undoes takes nothing from after that', async () => {
  const { source, index, readAhead } = openReadAhead(Infinity);
  const start = index.end;
  const { signal } = new AbortController();
  await readAhead.read(signal);
  const reading = readAhead.read(signal);
  await until(() => source.answer !== undefined, 'asked');
  readAhead.goBack(index.goBack(start));
  source.answer?.(true);
  await reading;
  while (await readAhead.read(signal));
  expect(index.recordsAfter(start)).toBe(2);
});

test('a frame of which it is still asked what it undoes is not among what is here', async () => {
  const { source, index, readAhead } = openReadAhead(200);
  const { signal } = new AbortController();
  await readAhead.read(signal);
  expect([readAhead.isWholeTo(118), readAhead.isWholeTo(119)]).toEqual([true, false]);
  const reading = readAhead.read(signal);
  await until(() => source.answer !== undefined, 'asked');
  expect(source.completeToMs()).toBe(Infinity);
  expect(readAhead.isWholeTo(150)).toBe(false);
  source.answer?.(true);
  await reading;
  expect([readAhead.isWholeTo(150), readAhead.isWholeTo(200)]).toEqual([true, true]);
  readAhead.goBack(index.placeAt(index.end));
  expect(readAhead.isWholeTo(150)).toBe(false);
  await readAhead.read(signal);
  expect(readAhead.isWholeTo(150)).toBe(false);
});
