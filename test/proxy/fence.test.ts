import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { Fence, standingOf } from '../../src/proxy/fence.ts';
import { LatestTerm } from '../../src/record/latest-term.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { tempDirectory } from '../kit/temp.ts';
import { until } from '../kit/until.ts';
import { fed, got, keptBack, started, taken } from './kit/fence-scene.ts';

const OTHER = 'http://other:4242';
const logger = pino({ level: 'silent' });

describe('what other proxies say of their primary', () => {
  const terms = fc.record({
    since: fc.integer({ min: 1, max: 4 }),
    primary: fc.constantFrom('http://a', 'http://b', 'http://c'),
  });

  test('ends what counted before, in whatever order it is heard', () => {
    fc.assert(
      fc.property(
        fc.array(terms),
        fc.option(terms, { nil: undefined }),
        fc.boolean(),
        (said, term, isFresh) => {
          const heard = new LatestTerm();
          for (const one of said) heard.note(one);
          const since = Math.max(0, ...said.map((one) => one.since));
          const latest = said.filter((one) => one.since === since);
          const { kind } = standingOf({ primary: 'http://a', term, isFresh }, heard);
          const isRight = (term?.since ?? 0) >= since;
          const isNamed = latest.some(({ primary }) => primary === 'http://a');
          expect(kind).toBe(isRight ? 'right' : isNamed && isFresh ? 'joined' : 'over');
        },
      ),
    );
  });

  test('is waited for no longer than is told, and looked for again', async () => {
    await using folder = await tempDirectory('fence');
    const cursor = await Cursor.open(folder.path, 'primary');
    const choice = await PrimaryChoice.open(folder.path, OTHER, cursor);
    const clock = new AdvancingClock();
    let looks = 0;
    const look = (): Promise<void> => {
      looks += 1;
      return looks < 3 ? new Promise(() => undefined) : Promise.resolve();
    };
    const fence = new Fence({ look, choice, clock, logger });
    const { signal } = new AbortController();
    const looked = fence.lookFirst(signal);
    clock.advance(5_000);
    await looked;
    const advancing = setInterval(() => clock.advance(1_000), 1);
    await until(() => looks === 3, 'looked again');
    clearInterval(advancing);
  });
});

describe.concurrent('a proxy that shares its topic', () => {
  test('feeds its primary once it has looked, and nobody says another', async () => {
    await using scene = await started();
    await taken(scene.rig);
    expect([scene.rig.proxy.primary.isHeld, got(scene.rig.tsd)]).toEqual([true, 0]);
    scene.looked();
    await fed(scene);
    expect(scene.choice.said).toBeUndefined();
  });

  test('feeds nothing where others were given another one since, until its operator says it is right', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps, again } = scene;
    said.push({ since: 3, primary: rig.tsd.url }, { since: 7, primary: OTHER });
    looked();
    await keptBack(scene, `other proxies feed ${OTHER} since`);
    // A promotion that is given up changes nothing of it, nor does a start, which need not hear it again.
    await steps.hold();
    await steps.release();
    await keptBack(scene, `other proxies feed ${OTHER} since`);
    expect((await again()).heard.any).toEqual({ since: 7, primary: OTHER });
    // Who hears this one only is told as much.
    expect(choice.said).toEqual({ since: 7, primary: OTHER });
    await steps.claim('same');
    await fed(scene);
    expect((await again()).said).toEqual({ since: 7, primary: rig.tsd.url });
  });

  test('ends what others feed, where its operator says that it comes next', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps } = scene;
    said.push({ since: 7, primary: OTHER });
    looked();
    await keptBack(scene, OTHER);
    const claimedMs = Date.now();
    await steps.claim('next');
    await fed(scene);
    const { term } = choice;
    expect(term).toMatchObject({ primary: rig.tsd.url });
    // Later than what another one claims at the same time, or a standby that has stopped before.
    expect(term?.since).toBeGreaterThanOrEqual(claimedMs);
    // Said again, or of what is fed rightly, it changes nothing.
    await steps.claim('next');
    steps.hear({ since: 5, primary: OTHER });
    await steps.claim('same');
    expect([choice.term, rig.proxy.primary.isHeld]).toEqual([term, false]);
  });

  test('claims nothing that could not be written', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps } = scene;
    // Their clock is ahead.
    const since = Date.now() + 3_600_000;
    said.push({ since, primary: OTHER });
    looked();
    await keptBack(scene, OTHER);
    // What it heard is written after it is kept back.
    const written = async (): Promise<boolean> => (await scene.again()).heard.has(OTHER);
    await until(written, 'what was heard is written');
    const file = join(rig.data, 'primary-term.json');
    await rm(file);
    await mkdir(file);
    await expect(steps.claim('next')).rejects.toMatchObject({ code: 'EISDIR' });
    expect([choice.said, rig.proxy.primary.isHeld]).toEqual([{ since, primary: OTHER }, true]);
    await rmdir(file);
    await steps.claim('next');
    await fed(scene);
    expect(choice.term).toEqual({ since: since + 1, primary: rig.tsd.url });
    expect((await scene.again()).said).toEqual(choice.term);
  });

  test('stops when it hears of it, though what it heard can’t be written', async () => {
    await using scene = await started();
    const { rig, looked, choice, steps } = scene;
    looked();
    await until(() => !rig.proxy.primary.isHeld, 'fed');
    vi.spyOn(choice, 'saveHeard').mockRejectedValue(new Error('the disk is full'));
    steps.hear({ since: 7, primary: OTHER });
    await keptBack(scene, OTHER);
  });

  test('goes on where what it heard first was followed by more', async () => {
    await using scene = await started(true);
    const { rig, said, looked, steps } = scene;
    looked();
    await until(() => !rig.proxy.primary.isHeld, 'fed');
    // At the end of the topic there is more than is heard.
    said.push({ since: 9, primary: rig.tsd.url });
    steps.hear({ since: 7, primary: OTHER });
    await fed(scene);
    expect(scene.choice.term).toEqual({ since: 9, primary: rig.tsd.url });
    // Kept back, it goes on as soon as others are given the same.
    said.length = 0;
    steps.hear({ since: 11, primary: OTHER });
    await until(() => rig.proxy.primary.isHeld, 'kept back');
    steps.hear({ since: 12, primary: rig.tsd.url });
    await until(() => !rig.proxy.primary.isHeld, 'fed again');
  });

  test('does not go on at its own place with one that others were given since', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps } = scene;
    said.push({ since: 7, primary: rig.tsd.url });
    looked();
    await keptBack(scene, `other proxies were given ${rig.tsd.url}`);
    // A promotion knows what that contains.
    await steps.hold();
    const contained = { sinceMs: null, latestMs: null, lanes: new Map() };
    const successor = { contained, fork: undefined, since: 7 };
    await expect(
      steps.switchTo(new URL(rig.tsd.url), { ...successor, since: 6 }),
    ).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    // What fails after it was decided is done by itself, though others kept it from being fed before.
    vi.spyOn(choice, 'release').mockRejectedValueOnce(new Error('the disk is full'));
    await steps.switchTo(new URL(rig.tsd.url), successor);
    await fed(scene);
    expect(choice).toMatchObject({ hold: undefined, term: { since: 7, primary: rig.tsd.url } });
    // The same again is no step.
    await steps.switchTo(new URL(rig.tsd.url), successor);
  });

  test('is switched by the promotion that it missed, and by no earlier one', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps } = scene;
    await using next = await FakeTsd.start();
    said.push({ since: 7, primary: OTHER });
    looked();
    await keptBack(scene, OTHER);
    await steps.hold();
    const contained = { sinceMs: null, latestMs: null, lanes: new Map() };
    const to = new URL(next.url);
    await expect(
      steps.switchTo(to, { contained, fork: undefined, since: 5 }),
    ).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      message: expect.stringContaining('which is later') as string,
    });
    await steps.switchTo(to, { contained, fork: undefined, since: 8 });
    await until(() => got(next) > 0, 'fed');
    expect(choice).toMatchObject({ hold: undefined, term: { since: 8, primary: next.url } });
    expect(got(rig.tsd)).toBe(0);
  });
});
