import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { Fence } from '../../src/proxy/fence.ts';
import type { ForkTelling } from '../../src/proxy/fork-telling.ts';
import { PrimarySwitch } from '../../src/proxy/primary-switch.ts';
import type { Term } from '../../src/record/term.ts';
import { systemClock, untilAborted } from '../../src/runtime/clock.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { line } from '../follow/evidence.ts';
import { Rig } from '../follow/rig.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { until } from '../kit/until.ts';

const OTHER = 'http://other:4242';

function quiet(): Fence {
  return new Fence({ look: async () => undefined, clock: systemClock });
}

describe('what other proxies say of their primary', () => {
  const terms = fc.record({
    since: fc.integer({ min: 1, max: 4 }),
    primary: fc.constantFrom('http://a', 'http://b', 'http://c'),
  });

  test('ends what counted before, in whatever order it is heard', () => {
    fc.assert(
      fc.property(fc.array(terms), fc.option(terms, { nil: undefined }), (heard, own) => {
        const fence = quiet();
        for (const term of heard) fence.hear(term);
        const since = Math.max(0, ...heard.map((term) => term.since));
        const latest = heard.filter((term) => term.since === since);
        const { kind } = fence.standingOf('http://a', own);
        const isRight = (own?.since ?? 0) >= since;
        const isJoined = latest.some(({ primary }) => primary === 'http://a');
        expect(kind).toBe(isRight ? 'right' : isJoined ? 'joined' : 'over');
        // What comes after it is never taken for over.
        const next = { since: fence.leastOf('http://a'), primary: 'http://a' };
        expect(fence.standingOf('http://a', next).kind).not.toBe('over');
      }),
    );
  });

  test('is not waited for where the topic is silent', async () => {
    const clock = new AdvancingClock();
    const fence = new Fence({ look: () => new Promise(() => undefined), clock });
    const looked = fence.look(new AbortController().signal);
    clock.advance(5_000);
    await looked;
  });
});

interface Scene extends AsyncDisposable {
  readonly rig: Rig;
  readonly choice: PrimaryChoice;
  readonly steps: PrimarySwitch;
  /** The end of the topic says so. */
  readonly said: Term[];
  /** The look at it comes to its end. */
  readonly looked: () => void;
}

/** A proxy whose primary is held, as a start with Kafka leaves it until it has looked. */
async function started(): Promise<Scene> {
  const rig = await Rig.start();
  await rig.live();
  const { wal, primary } = rig.proxy;
  await primary.hold('until it has looked');
  const cursor = await Cursor.open(rig.data, 'primary');
  const choice = await PrimaryChoice.open(rig.data, rig.tsd.url, cursor);
  const said: Term[] = [];
  const end = new AbortController();
  const look = async (): Promise<void> => {
    await untilAborted(end.signal);
    for (const term of said) steps.hear(term);
  };
  const clock = systemClock;
  const steps = new PrimarySwitch({
    wal,
    primary,
    choice,
    clock,
    telling: { tell: () => Promise.reject(new Error('nothing is undone here')) } as Pick<
      ForkTelling,
      'tell'
    > as ForkTelling,
    fence: new Fence({ look, clock }),
    logger: pino({ level: 'silent' }),
    moved: () => undefined,
  });
  const stop = new AbortController();
  steps.start(stop.signal);
  return {
    rig,
    choice,
    steps,
    said,
    looked: () => end.abort(),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await rig[Symbol.asyncDispose]();
    },
  };
}

async function taken(rig: Rig): Promise<void> {
  expect(await rig.put('http', line('m', 1, '1'))).toMatchObject({ kind: 'accepted' });
}

function got(tsd: FakeTsd): number {
  return tsd.points.filter(({ metric }) => metric === 'm').length;
}

describe.concurrent('a proxy that other proxies share the primary with', () => {
  test('feeds it once it has looked, and nobody says another', async () => {
    await using scene = await started();
    const { rig, looked, choice } = scene;
    await taken(rig);
    expect([rig.proxy.primary.isHeld, got(rig.tsd)]).toEqual([true, 0]);
    looked();
    await rig.live();
    await until(() => got(rig.tsd) > 0, 'fed');
    expect([choice.hold, choice.term]).toEqual([undefined, undefined]);
  });

  test('feeds nothing where others feed another one since, over starts, until it is said to be right', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps } = scene;
    const term = { since: 7, primary: OTHER };
    said.push({ since: 3, primary: rig.tsd.url }, term);
    looked();
    await until(() => choice.hold !== undefined, 'held');
    await taken(rig);
    const again = await PrimaryChoice.open(
      rig.data,
      rig.tsd.url,
      await Cursor.open(rig.data, 'primary'),
    );
    expect(again.hold).toMatchObject({ fence: term });
    // As a promotion that is given up would do.
    await steps.release();
    expect([rig.proxy.primary.isHeld, got(rig.tsd)]).toEqual([true, 0]);
    expect(rig.proxy.primary.state).toMatchObject({
      reason: expect.stringContaining(`other proxies feed ${OTHER} since`) as string,
    });
    await steps.claim();
    await rig.live();
    await until(() => got(rig.tsd) > 0, 'fed');
    expect(choice).toMatchObject({ hold: undefined, term: { since: 7, primary: rig.tsd.url } });
  });

  test('stops when it hears of it, though the disk is full at first', async () => {
    await using scene = await started();
    const { rig, looked, choice, steps } = scene;
    looked();
    await rig.live();
    vi.spyOn(choice, 'holdAt').mockRejectedValueOnce(new Error('the disk is full'));
    steps.hear({ since: 7, primary: OTHER });
    await until(() => rig.proxy.primary.isHeld, 'held');
    const before = got(rig.tsd);
    await taken(rig);
    await until(() => choice.hold?.fence !== undefined, 'written down');
    expect([rig.proxy.primary.isHeld, got(rig.tsd)]).toEqual([true, before]);
  });

  test('is one of those that others name, and says so from then on', async () => {
    await using scene = await started();
    const { rig, looked, choice, steps } = scene;
    looked();
    await rig.live();
    steps.hear({ since: 7, primary: rig.tsd.url });
    await until(() => choice.term !== undefined, 'known');
    expect(choice.term).toEqual({ since: 7, primary: rig.tsd.url });
    // One promotion gives an OpenTSDB two names where it has two.
    steps.hear({ since: 7, primary: OTHER });
    await taken(rig);
    await until(() => got(rig.tsd) > 0, 'fed');
    expect(choice.hold).toBeUndefined();
  });

  test('is switched though it was away, to what counts after all that was said', async () => {
    await using scene = await started();
    const { rig, said, looked, choice, steps } = scene;
    await using next = await FakeTsd.start();
    said.push({ since: 7, primary: OTHER });
    looked();
    await until(() => choice.hold !== undefined, 'held');
    await taken(rig);
    const contained = { sinceMs: null, latestMs: null, lanes: new Map() };
    await steps.switchTo(new URL(next.url), { contained, fork: undefined, since: 5 });
    await rig.live();
    await until(() => got(next) > 0, 'fed');
    expect(choice).toMatchObject({ hold: undefined, term: { since: 8, primary: next.url } });
    expect(got(rig.tsd)).toBe(0);
  });
});
