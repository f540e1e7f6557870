import { expect, test } from 'vitest';
import { Undone } from '../../src/record/fork.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ArrivalIndex } from '../../src/standby/arrival-index.ts';
import { ForkWatch } from '../../src/standby/fork-watch.ts';
import { ReadAhead } from '../../src/standby/read-ahead.ts';
import { beginningAt } from '../../src/standby/place.ts';
import { Refusals } from '../../src/standby/refusals.ts';
import { frameOf } from '../kit/frames.ts';
import { until } from '../kit/until.ts';
import { ListSource } from './list-source.ts';

/** It is asked for what was said, and answers when it is told to. */
class AskedSource extends ListSource {
  answer: ((isSaid: boolean) => void) | undefined;

  override isSaidBy(): Promise<boolean> {
    return new Promise((resolve) => (this.answer = resolve));
  }
}

const none = (): void => undefined;

test('what is told to go back while it looks for what a frame undoes takes nothing from behind that', async () => {
  const fork = { id: '0123456789abcdef', at: 50, undone: [] };
  const lines = [`!fork ${JSON.stringify(fork)}`];
  const frames = [
    frameOf('a', 1, [{ receivedAt: 110, lines: ['put m 1 1 a=b'] }]),
    frameOf('a', 2, [{ receivedAt: 120, lines, transport: 'log' }]),
  ];
  const source = new AskedSource(frames.map((frame) => ({ kind: 'frame', frame })));
  const place = beginningAt(100);
  const index = new ArrivalIndex(place);
  const undone = new Undone([]);
  const readAhead = new ReadAhead({
    source,
    place,
    keptToMs: Infinity,
    index,
    refusals: new Refusals(undone),
    forks: new ForkWatch({
      source,
      clock: systemClock,
      place,
      undone,
      sentToMs: () => 200,
      onForked: none,
    }),
    released: () => index.end,
    events: { again: none, missing: none, taken: none },
  });
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
