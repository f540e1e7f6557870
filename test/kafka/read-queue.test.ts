import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type QueuedRead, ReadQueue } from '../../src/kafka/read-queue.ts';

function queued(partition: number, bytes: number): QueuedRead {
  const read = { kind: 'foreign', partition, offset: 0, reason: 'none of ours' } as const;
  return { partition, nextOffset: 1, bytes, read };
}

/** Whether it has settled, asked after a turn of the event loop. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let isSettled = false;
  void promise.then(() => (isSettled = true));
  await turn();
  return isSettled;
}

test('who fetches waits while it is full, and who takes while it is empty', async () => {
  const queue = new ReadQueue(10);
  const { signal } = new AbortController();
  const filled = queue.untilFilled([signal]);
  expect(await isOver(filled)).toBe(false);
  queue.push(queued(0, 6));
  expect([await isOver(filled), await isOver(queue.untilRoom(signal))]).toEqual([true, true]);
  queue.push(queued(1, 6));
  expect([queue.holds(1), queue.holds(2)]).toEqual([true, false]);
  const room = queue.untilRoom(signal);
  expect(await isOver(room)).toBe(false);
  expect(queue.shift()?.partition).toBe(0);
  expect(await isOver(room)).toBe(true);
  queue.push(queued(2, 20));
  const cleared = queue.untilRoom(signal);
  expect(await isOver(cleared)).toBe(false);
  queue.clear();
  expect(await isOver(cleared)).toBe(true);
  expect(queue.shift()).toBeUndefined();
});

test('nobody waits any more once a signal aborts', async () => {
  const queue = new ReadQueue(0);
  const [over, other] = [new AbortController(), new AbortController()];
  const waits = [queue.untilFilled([other.signal, over.signal]), queue.untilRoom(over.signal)];
  over.abort();
  await Promise.all(waits);
  await Promise.all([queue.untilFilled([over.signal]), queue.untilRoom(over.signal)]);
});
