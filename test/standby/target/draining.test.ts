import { expect, test } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Draining } from '../../../src/standby/target/draining.ts';
import { Gate } from '../../../src/standby/arrivals/gate.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { StateDirectory } from '../../../src/standby/target/state-directory.ts';
import { tempDirectory } from '../../kit/temp.ts';

const FORK = { id: '0123456789abcdef', at: 1_000, undone: [] };

/** A drain of a standby whose target contains all that it may be given. */
async function openDraining() {
  const folder = await tempDirectory('draining');
  const state = await StateDirectory.open(folder.path, new URL('http://tsdb-2:4242'), false);
  const gate = new Gate({ delayMs: 0, stopAtMs: Infinity, isPaused: false });
  const draining = new Draining({
    state,
    gate,
    clock: systemClock,
    arrivals: {
      passing: beginningAt(null),
      sentSoonMs: 0,
      isOverAt: () => true,
      release: () => undefined,
    },
    isAnswered: () => true,
    isConfirmed: () => true,
    unsaved: (reason) => {
      throw new Error(reason);
    },
  });
  return {
    draining,
    gate,
    written: () => state.state.promotion,
    /** As the next start would read it. */
    reopened: async () => {
      await state.close();
      const next = await StateDirectory.open(folder.path, new URL('http://tsdb-2:4242'), false);
      await next.close();
      return next.state.promotion;
    },
    [Symbol.asyncDispose]: async () => {
      await state.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('a drain that is given up just as it could end does not end', async () => {
  await using scene = await openDraining();
  const { draining, written } = scene;
  await draining.begin([]);
  const givenUp = draining.giveUp();
  expect(await draining.step()).toBeUndefined();
  await givenUp;
  expect([draining.isOver, written()]).toEqual([false, { kind: 'none' }]);
});

test('a drain that is given up just as it ends has ended', async () => {
  await using scene = await openDraining();
  const { draining, gate, written } = scene;
  await draining.begin([]);
  const ended = draining.step();
  await draining.giveUp();
  expect(await ended).toEqual(beginningAt(null));
  expect([draining.isOver, written().kind, gate.limitMs(0)]).toEqual([true, 'promoted', -Infinity]);
});

test('a drain that is given up just as it begins is given up', async () => {
  await using scene = await openDraining();
  const { draining, gate, written } = scene;
  const begun = draining.begin([], FORK);
  await draining.giveUp();
  await begun;
  expect([written(), gate.limitMs(0)]).toEqual([{ kind: 'none' }, Infinity]);
});

test('nothing passes that was received after a moment, once a drain as of that is asked for', async () => {
  await using scene = await openDraining();
  const { draining, gate, written } = scene;
  await draining.begin([]);
  const begun = draining.begin([], FORK);
  await Promise.resolve();
  expect([await draining.step(), gate.limitMs(0)]).toEqual([undefined, FORK.at]);
  await begun;
  expect(written()).toMatchObject({ kind: 'draining', fork: FORK });
});

test('a drain keeps the address that proxies are given, over its end, until it is told another or given up', async () => {
  await using scene = await openDraining();
  const { draining, written } = scene;
  const [to, other] = ['http://10.0.0.9:4242', 'http://tsdb-2:4242'];
  await draining.begin([], FORK, { to });
  await draining.giveUp();
  expect(written()).toEqual({ kind: 'none' });
  await draining.begin([], FORK, { to });
  await draining.begin([], FORK);
  expect(written()).toEqual({ kind: 'draining', ends: [], fork: FORK, to });
  await draining.step();
  expect(await scene.reopened()).toMatchObject({ kind: 'promoted', fork: FORK, to });
  await draining.begin([], FORK);
  expect(written()).toMatchObject({ fork: FORK, to });
  await draining.begin([], FORK, { to: other });
  expect(written()).toMatchObject({ fork: FORK, to: other });
});

test('a drain ends after what proxies were given before, though its clock is behind', async () => {
  await using scene = await openDraining();
  const after = Date.now() + 60_000;
  await scene.draining.begin([], undefined, { after });
  await scene.draining.step();
  expect(await scene.reopened()).toMatchObject({ kind: 'promoted', sinceMs: after + 1 });
});
