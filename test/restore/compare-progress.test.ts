import { expect, test } from 'vitest';
import { InterruptedScene, put } from './kit/interrupted-scene.ts';

test('the comparison tells how far it is within one range', { timeout: 30_000 }, async () => {
  const lines = ['a', 'b', 'c', 'd'].map((metric) => `put ${metric} 1500000000 1 h=a`);
  await using scene = await InterruptedScene.open([put(0, ...lines), put(2), put(10)]);
  const told: number[] = [];
  const run = scene.restore({}, new AbortController(), (event) => {
    if (event.event !== 'progress') return;
    // Two metrics are asked for at once: neither is answered before that was told.
    if (event.phase === 'loading' && event.progress === 1) scene.tsd.freeze();
    if (event.phase !== 'comparing' || event.progress === 0) return;
    told.push(event.progress);
    scene.tsd.thaw();
  });
  expect(await run).toMatchObject({ outcome: 'restored' });
  expect(told[0]).toBe(0.5);
  expect(told.at(-1)).toBe(1);
});
