import { expect, test } from 'vitest';
import { RetentionWatch, type TopicHeadroom } from '../../src/kafka/retention-watch.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { freePort } from '../kit/ports.ts';
import { connectTo } from '../kit/topic.ts';

test('the headroom is unknown until it is known what is archived, which is looked for more often', async () => {
  const stop = new AbortController();
  const told: TopicHeadroom[] = [];
  const pauses: number[] = [];
  const watch = new RetentionWatch({
    connection: await connectTo(`127.0.0.1:${await freePort()}`),
    topic: 'tsdb-wal',
    clock: {
      ...systemClock,
      sleep: async (ms) => {
        pauses.push(ms);
        if (pauses.length === 3) stop.abort();
      },
    },
    archived: () => (told.length < 2 ? undefined : new Map([[0, 0]])),
    told: (headroom) => told.push(headroom),
  });
  await watch.run(stop.signal);
  expect(told).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }, { kind: 'unknown' }]);
  expect(pauses).toEqual([1_000, 1_000, 30_000]);
});
