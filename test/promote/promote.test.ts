import { beforeEach, describe, expect, test } from 'vitest';
import type { PromoteEvent } from '../../src/promote/promote-event.ts';
import {
  type Answer,
  type FakeProxy,
  type FakeStandby,
  NEW,
  OLD,
  PromoteScene,
  REFUSED,
  SILENT,
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
const said = (): string[] => events.map(({ event }) => event);

describe('a promotion', () => {
  test('holds all, drains, switches all, and says what the new primary contains', async () => {
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
    expect(said()).toEqual(
      ['checked', 'held', 'held', 'draining', 'draining', 'drained', 'drained'].concat([
        'switched',
        'switched',
        'live',
        'live',
        'done',
      ]),
    );
    expect(events.find(({ event }) => event === 'drained')).toMatchObject({
      lane: a.lane,
      held: 100,
      contains: 102,
      fromLog: 0,
    });
  });

  test('warns of proxies with different primaries, and makes one of them', async () => {
    b.primary = 'http://slip:4242';
    await promote({ isDryRun: true });
    const warning = expect.stringContaining(
      'different primaries: proxy a:4244 feeds http://old:4242; proxy b:4244 feeds http://slip:4242.',
    ) as string;
    expect(events).toMatchObject([{ warnings: [warning], problems: [] }]);
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('does not count a proxy that was switched already among those with different primaries', async () => {
    standby.promotion = 'promoted';
    a.primary = NEW;
    await promote();
    expect(events[0]).toMatchObject({ warnings: [] });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('changes nothing when it is only to look', async () => {
    await promote({ isDryRun: true });
    expect(said()).toEqual(['checked']);
    expect([a.asked, standby.asked]).toEqual([['/primary/probe'], []]);
  });

  test.each([
    ['a standby that is far behind', () => (standby.lagSeconds = 100), /100 s behind/],
    [
      'a standby of a repository',
      () => (standby.source = 'repository'),
      /same --state and --target from the topic/,
    ],
    [
      'a standby that has not looked at all yet, so that one may write of which nothing is known',
      () => (standby.hasLooked = false),
      /has not looked at all/,
    ],
    ['a proxy that the standby does not follow', () => standby.lanes.delete(b.lane), /lane b/],
    [
      'a proxy that is not named',
      () => standby.lanes.set('c', { seq: 1, receivedAt: 9_400 }),
      /lane c.*name them all/,
    ],
    [
      'a proxy that is not named and of which nothing is applied yet',
      () => standby.seen.push({ lane: 'c', receivedAt: 9_400, wroteAt: null, ended: false }),
      /lane c.*name them all/,
    ],
    [
      'a target that a proxy does not reach',
      () => b.answers.set('/primary/probe', [{ kind: 'answered', value: { trouble: 'no route' } }]),
      /b:4244: it does not reach http:\/\/new:4242: no route/,
    ],
    ['a proxy that is away', () => a.answers.set('/status', [SILENT('before')]), /proxy a:4244/],
  ])('refuses %s before anything is changed', async (_what, make, message) => {
    make();
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      message: expect.stringMatching(message) as string,
    });
    expect(stands()).toEqual([OLD, OLD]);
    expect(standby.promotion).toBe('none');
  });

  test('is made with a standby that has applied nothing yet of what it follows, as its delay has it', async () => {
    standby.lanes.clear();
    for (const { lane } of [a, b]) {
      standby.seen.push({ lane, receivedAt: 9_900, wroteAt: 9_900, ended: false });
    }
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('waits for a standby that has just been started until it has looked', async () => {
    let looks = 0;
    Object.defineProperty(standby, 'hasLooked', { get: () => (looks += 1) > 3 });
    await promote();
    expect(looks).toBeGreaterThan(3);
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('takes a lane for a proxy’s own that it began while the standby had not looked', async () => {
    let looks = 0;
    const look = (): boolean => {
      looks += 1;
      if (looks === 3) {
        b.later.push('c');
        standby.seen.push({ lane: 'c', receivedAt: 9_900, wroteAt: null, ended: false });
      }
      return looks > 3;
    };
    Object.defineProperty(standby, 'hasLooked', { get: look });
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('is made with a standby of a version that does not tell who writes, and warns', async () => {
    standby.hasLooked = undefined;
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
    const warning = expect.stringContaining('one that is not named goes unnoticed') as string;
    expect(events[0]).toMatchObject({ warnings: [warning] });
  });

  test('goes on with a standby that was being drained, though it looks no more', async () => {
    standby.promotion = 'draining';
    standby.hasLooked = false;
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('warns when a standby of one log is promoted for a proxy of a topic', async () => {
    standby.source = 'data';
    await promote({ isDryRun: true });
    const warning = expect.stringContaining('may share its topic') as string;
    expect(events).toMatchObject([{ warnings: [warning, warning] }]);
  });

  test('does not miss a proxy that ended, nor one that was silent for long', async () => {
    standby.lanes.set('c', { seq: 1, receivedAt: -30_000 });
    standby.lanes.set('e', { seq: 1, receivedAt: 9_400 });
    standby.seen.push(
      { lane: a.lane, receivedAt: 9_400, wroteAt: 9_400, ended: false },
      { lane: 'd', receivedAt: -30_000, wroteAt: -30_000, ended: false },
      { lane: 'e', receivedAt: 9_400, wroteAt: 9_400, ended: true },
    );
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test.each([
    ['a hold that is refused', () => b.answers.set('/primary/hold', [REFUSED])],
    [
      'a hold that is not answered, and made',
      () => b.answers.set('/primary/hold', [SILENT('after')]),
    ],
    ['a drain that gets no further', () => (standby.drains = 1_000_000)],
    ['a drain that is refused', () => standby.answers.set('/drain', [REFUSED])],
    [
      'a standby that is silent for too long',
      () =>
        standby.answers.set('/drain', [undefined, ...Array<Answer>(500).fill(SILENT('before'))]),
    ],
    ['the first switch, when it is refused', () => a.answers.set('/primary/switch', [REFUSED])],
  ])('undoes what it did after %s', async (_what, make) => {
    make();
    await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    expect(stands()).toEqual([OLD, OLD]);
    // And can be made again.
    for (const one of [a, b, standby]) one.answers.clear();
    standby.drains = 1;
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('undoes what it did when it is interrupted before the first switch', async () => {
    await expect(promote({ signal: AbortSignal.abort() })).rejects.toThrow('interrupted');
    expect(stands()).toEqual([OLD, OLD]);
  });

  test('says that the standby may stop by itself when that could not be told to follow on', async () => {
    standby.answers.set('/drain', [REFUSED]);
    standby.answers.set('/follow', [SILENT('before')]);
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      message: expect.stringContaining('and stop: POST http://standby:4246/follow') as string,
    });
    expect(stands()).toEqual([OLD, OLD]);
  });

  test('says which proxy stays held when that cannot be undone', async () => {
    b.answers.set('/primary/hold', [REFUSED]);
    a.answers.set('/primary/release', [SILENT('before')]);
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_UNFINISHED',
      message: expect.stringContaining('POST http://a:4244/primary/release') as string,
    });
    expect(stands()).toEqual([`${OLD} held`, OLD]);
  });

  test('goes on after the first switch, and tries again what is silent', async () => {
    b.answers.set('/primary/switch', [SILENT('before'), SILENT('after')]);
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
    expect(said()).toContain('trouble');
  });

  test.each([
    ['refuses', REFUSED],
    ['is silent', SILENT('before')],
  ])(
    'leaves a proxy held that %s after another was switched, and ends it when run again',
    async (_what, answer) => {
      b.answers.set('/primary/switch', Array<Answer>(500).fill(answer));
      await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
      expect(stands()).toEqual([NEW, `${OLD} held`]);
      b.answers.clear();
      a.asked.length = 0;
      await promote();
      expect(stands()).toEqual([NEW, NEW]);
      expect(a.asked).toEqual([]);
    },
  );

  test('never releases others while it is not known whether the first was switched', async () => {
    a.answers.set('/primary/switch', [SILENT('after')]);
    b.answers.set('/primary/switch', [REFUSED]);
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test.each([
    ['at the hold', () => b.answers.set('/primary/hold', [REFUSED])],
    ['at the drain', () => standby.answers.set('/drain', [REFUSED])],
  ])(
    'releases nobody where some workers were switched before, and it ends %s',
    async (_at, fail) => {
      standby.promotion = 'promoted';
      a.urls = [NEW, OLD];
      fail();
      await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
      expect([...a.asked, ...b.asked, ...standby.asked]).not.toContain('/primary/release');
      expect(standby.asked).not.toContain('/follow');
      expect(events[0]).toMatchObject({
        warnings: [expect.stringContaining('some workers of a:4244 feed http://new:4242 already')],
      });
      await promote();
      expect(stands()).toEqual([NEW, NEW]);
    },
  );

  test('says in a refusal that what an earlier run held is held still', async () => {
    a.isHeld = true;
    standby.lagSeconds = 100;
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      hint: expect.stringMatching(/\/follow to the standby, then \/primary\/release/) as string,
    });
    a.isHeld = false;
    await expect(promote()).rejects.toMatchObject({ hint: 'Nothing was changed.' });
  });

  test('is never told to be given up once some were switched by an earlier run', async () => {
    standby.promotion = 'promoted';
    a.primary = NEW;
    b.isHeld = true;
    b.answers.set('/primary/probe', [REFUSED]);
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_UNFINISHED',
      message: expect.stringContaining('it cannot') as string,
      hint: expect.not.stringContaining('release') as string,
    });
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('can be run again when nothing is left to do', async () => {
    await promote();
    events.length = 0;
    await promote();
    expect(said()).toEqual(['checked', 'live', 'live', 'done']);
  });
});
