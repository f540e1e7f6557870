import { expect, test } from 'vitest';
import { InterruptedScene, put } from '../kit/interrupted-scene.ts';

test('the comparison tells how far it is within one range', async () => {
  const lines = Array.from({ length: 12 }, (_, n) => `put m.${n} 1500000000 1 h=a`);
  await using scene = await InterruptedScene.open([put(0, ...lines), put(2), put(10)]);
  const told: number[] = [];
  // Two metrics are asked for at once: few are answered before that was told.
  scene.tsd.faults.query = () => {
    if (scene.tsd.points.length > 0 && told.length === 0) scene.tsd.freeze();
    return undefined;
  };
  const run = scene.restore({}, new AbortController(), (event) => {
    if (event.event !== 'progress' || event.phase !== 'comparing' || event.progress === 0) return;
    told.push(event.progress);
    scene.tsd.thaw();
  });
  expect(await run).toMatchObject({ outcome: 'restored' });
  expect(told[0]).toBeLessThan(1);
  expect(told.at(-1)).toBe(1);
});
