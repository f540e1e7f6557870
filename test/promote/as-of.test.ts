import { beforeEach, describe, expect, test } from 'vitest';
import type { PromoteEvent } from '../../src/promote/promote-event.ts';
import type { Fork } from '../../src/record/fork.ts';
import {
  type Answer,
  AS_OF,
  type FakeProxy,
  type FakeStandby,
  LATER,
  NEW,
  OLD,
  PromoteScene,
  REFUSED,
} from './kit/promote-scene.ts';

let scene: PromoteScene;
let standby: FakeStandby;
let a: FakeProxy;
let b: FakeProxy;
let events: PromoteEvent[];

beforeEach(() => {
  scene = new PromoteScene();
  ({ standby, a, b, events } = scene);
});

const promote: PromoteScene['promote'] = (given) => scene.promote(given);
const stands = (): readonly string[] => scene.stands;
/** What undoes all that the proxies have received since. */
const undone = (): Fork => ({
  id: AS_OF.id,
  at: AS_OF.ms,
  undone: [a, b].map(({ lane, end }) => ({ lane, from: end - LATER + 1, to: end })),
});

describe('a promotion as of a moment', () => {
  test('drains to what was received by then, and switches all with one fork that undoes the rest', async () => {
    await promote({ asOf: AS_OF });
    expect(stands()).toEqual([NEW, NEW]);
    expect([a.fork, b.fork, standby.fork]).toEqual([undone(), undone(), undone()]);
    expect(events.find(({ event }) => event === 'undoing')).toMatchObject({
      lanes: 2,
      records: 14,
    });
    expect(events.find(({ event }) => event === 'drained')).toMatchObject({
      asOf: '1970-01-01T00:00:01.000Z',
      held: 93,
      fromLog: 0,
    });
  });

  test('only looked at, says what would be undone', async () => {
    await promote({ asOf: AS_OF, isDryRun: true });
    expect(events).toMatchObject([{ proxies: [{ later: LATER }, { later: LATER }] }]);
    expect(standby.asked).toEqual([]);
  });

  test('goes on with the fork of those that were switched, whatever this run would have made', async () => {
    b.answers.set(
      '/primary/switch',
      Array.from({ length: 500 }, (): Answer => REFUSED),
    );
    await expect(promote({ asOf: AS_OF })).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    b.answers.clear();
    await promote({ asOf: { ...AS_OF, id: 'f'.repeat(16) } });
    expect(b.fork).toEqual(undone());
  });

  test('undoes nothing of what came since with the switch, by whatever address it is asked for again', async () => {
    standby.target = 'http://new.example:4242';
    b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(promote({ asOf: AS_OF, to: NEW })).rejects.toMatchObject({
      code: 'PROMOTE_UNFINISHED',
    });
    b.answers.clear();
    const [wanted, again] = [undone(), { ...AS_OF, id: 'f'.repeat(16) }];
    a.end += 50;
    for (let run = 1; run <= 2; run += 1) {
      await promote({ asOf: again });
      expect([stands(), a.fork, b.fork]).toEqual([[NEW, NEW], wanted, wanted]);
    }
    await expect(promote({ asOf: again, to: 'http://new.example:4242' })).rejects.toThrow(
      `${NEW} is fed by proxy a:4244 and proxy b:4244 already: leave out --to`,
    );
    expect([a.fork, b.fork]).toEqual([wanted, wanted]);
  });

  test('is refused without one that was switched, and goes on with all', async () => {
    b.answers.set(
      '/primary/switch',
      Array.from({ length: 500 }, (): Answer => REFUSED),
    );
    await expect(promote({ asOf: AS_OF })).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    b.answers.clear();
    const again = { ...AS_OF, id: 'f'.repeat(16) };
    standby.asked.length = 0;
    await expect(promote({ asOf: again, proxies: [b] })).rejects.toThrow(/lane a+.*Name them all/);
    expect(stands()).toEqual([NEW, `${OLD} held`]);
    expect(standby.asked).toEqual([]);
    await promote({ asOf: again });
    expect([stands(), b.fork, standby.fork]).toEqual([[NEW, NEW], undone(), undone()]);
  });

  test('is refused, with nothing held, for a proxy that was left out when others were switched', async () => {
    standby.lanes.delete(b.lane);
    await promote({ asOf: AS_OF, proxies: [a] });
    expect(stands()).toEqual([NEW, OLD]);
    const dry = promote({ asOf: AS_OF, isDryRun: true });
    await expect(dry).rejects.toThrow(/proxy b:4244 was left out when others were switched/);
    await expect(promote({ asOf: AS_OF })).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    expect(stands()).toEqual([NEW, OLD]);
  });

  test('makes a new fork when nobody was switched', async () => {
    a.answers.set('/primary/switch', [REFUSED]);
    await expect(promote({ asOf: AS_OF })).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    expect(stands()).toEqual([OLD, OLD]);
    b.end += 50;
    const again = { ...AS_OF, id: 'f'.repeat(16) };
    await promote({ asOf: again });
    expect([a.fork, b.fork]).toEqual([
      { ...undone(), id: again.id },
      { ...undone(), id: again.id },
    ]);
  });

  test.each([
    ['a standby that may be past it', () => (standby.sentToMs = 1_001), /take one with a longer/],
    ['a standby of a repository', () => (standby.source = 'repository'), /follows a repository/],
    ['a moment that is to come', () => undefined, /is not past/],
    [
      'a proxy that is not named and wrote since, though nothing of it is applied, and it has ended',
      () => standby.seen.push({ lane: 'c', receivedAt: 1_500, wroteAt: 1_001, ended: true }),
      /lane c has written since.*Name its proxy/,
    ],
    [
      'a standby that has not looked at all yet',
      () => (standby.hasLooked = false),
      /has not looked at all/,
    ],
    [
      'a standby of a version that does not tell who writes',
      () => (standby.hasLooked = undefined),
      /earlier version.*with --as-of it must/,
    ],
    [
      'a moment that a proxy can not tell any more',
      () => b.answers.set('/primary/ends', [REFUSED]),
      /b:4244: it cannot/,
    ],
    [
      'a standby that was drained without',
      () => (standby.promotion = 'promoted'),
      /without --as-of/,
    ],
  ])('is refused for %s, before anything is changed', async (what, make, message) => {
    make();
    const ms = what.startsWith('a moment that is to') ? Date.now() * 2 : AS_OF.ms;
    await expect(promote({ asOf: { ...AS_OF, ms } })).rejects.toThrow(message);
    expect(stands()).toEqual([OLD, OLD]);
  });

  test('goes on with a proxy that was started again while it is held, and has another lane since', async () => {
    b.isHeld = true;
    b.until = b.end;
    b.later.push('c');
    standby.seen.push({ lane: 'c', receivedAt: 9_900, wroteAt: 9_900, ended: false });
    await promote({ asOf: AS_OF });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('does not miss a proxy that wrote nothing since, and ended', async () => {
    standby.seen.push(
      { lane: a.lane, receivedAt: 9_000, wroteAt: 9_000, ended: false },
      { lane: 'c', receivedAt: 1_500, wroteAt: 1_000, ended: true },
      { lane: 'd', receivedAt: 1_500, wroteAt: null, ended: true },
    );
    await promote({ asOf: AS_OF });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('is refused for a lane that went on past it and is of none of the proxies', async () => {
    standby.comes = { lane: 'c'.repeat(16), seq: 1, receivedAt: 900 };
    await expect(promote({ asOf: AS_OF })).rejects.toThrow(/lane c+ was written to/);
    expect(stands()).toEqual([OLD, OLD]);
  });

  test('within another one is refused for a standby that does not know what that undid', async () => {
    const id = 'e'.repeat(16);
    a.around = [{ id, at: AS_OF.ms - 10, undone: [] }];
    b.around = a.around;
    await expect(promote({ asOf: AS_OF })).rejects.toThrow(/within a promotion as of 1970-01-01/);
    expect([stands(), standby.asked]).toEqual([[OLD, OLD], []]);
    standby.forks = [id];
    await promote({ asOf: AS_OF });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('is not taken up without it', async () => {
    standby.drains = 1_000_000;
    await expect(promote({ asOf: AS_OF, signal: AbortSignal.abort() })).rejects.toThrow(
      'interrupted',
    );
    standby.promotion = 'draining';
    standby.fork = undone();
    await expect(promote()).rejects.toThrow('--as-of 1970-01-01T00:00:01.000Z');
  });
});
