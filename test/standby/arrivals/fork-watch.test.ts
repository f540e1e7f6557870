import { expect, test } from 'vitest';
import { type Fork, Undone } from '../../../src/record/fork.ts';
import { ForkWatch } from '../../../src/standby/arrivals/fork-watch.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { StillClock } from '../topic/fake-shared-topic.ts';

test('what the source says once is met by a later look where one of it could not be asked for', async () => {
  const forks: Fork[] = ['a', 'b'].map((id) => ({ id: id.repeat(16), at: 50, undone: [] }));
  const said = [...forks];
  let asked = 0;
  const met: Fork[] = [];
  const watch = new ForkWatch({
    source: {
      forksAhead: () => Promise.resolve(said.splice(0)),
      isSaidBy: () => {
        asked += 1;
        return asked === 1 ? Promise.reject(new Error('away')) : Promise.resolve(true);
      },
    },
    clock: new StillClock(1_000),
    place: beginningAt(100),
    undone: new Undone(),
    sentToMs: () => 200,
    onForked: (fork) => met.push(fork),
  });
  const { signal } = new AbortController();
  await expect(watch.look(signal)).rejects.toThrow('away');
  expect([met, watch.isFresh]).toEqual([[], false]);
  await watch.look(signal);
  expect([met, watch.isFresh]).toEqual([forks, true]);
});
