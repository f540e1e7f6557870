import { expect, test } from 'vitest';
import { ClockWatch } from '../../src/kafka/clock-watch.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { TopicFrame } from '../../src/record/topic-read.ts';

test('while Kafka is away the last verdict on the clocks stands', async () => {
  let nowMs = 1_000_000;
  const stop = new AbortController();
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms) => {
      nowMs += ms;
      if (nowMs > 1_300_000) stop.abort();
      return Promise.resolve();
    },
  };
  const frame = (): TopicFrame =>
    ({ lane: 'a', host: 'h', sentAt: nowMs + 400 }) as Partial<TopicFrame> as TopicFrame;
  let rounds = 0;
  const told: string[] = [];
  const watch = new ClockWatch({
    others: {
      listen: (heard) => {
        rounds += 1;
        if (rounds > 1) return Promise.reject(new Error('no broker answers'));
        heard(frame());
        return Promise.resolve();
      },
    },
    clock,
    boundMs: 100,
    ownLane: () => 'b',
    onVerdict: ({ kind }) => told.push(kind),
  });
  await watch.run(stop.signal);
  expect(told).toEqual(['differs']);
  expect(watch.verdict).toMatchObject({ kind: 'differs', isOurs: true });
});
