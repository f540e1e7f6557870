import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { PrimaryChoice } from '../../../src/follow/primary-choice.ts';
import { Fence } from '../../../src/proxy/fence.ts';
import type { ForkTelling } from '../../../src/proxy/fork-telling.ts';
import { PrimarySwitch } from '../../../src/proxy/primary-switch.ts';
import type { Term } from '../../../src/record/term.ts';
import { systemClock, untilAborted } from '../../../src/runtime/clock.ts';
import { Cursor } from '../../../src/wal/cursor.ts';
import { line } from '../../follow/evidence.ts';
import { Rig } from '../../follow/rig.ts';
import type { FakeTsd } from '../../kit/fake-tsd.ts';
import { until } from '../../kit/until.ts';

const logger = pino({ level: 'silent' });
const NOTHING_UNDONE = { tell: () => Promise.reject(new Error('nothing is undone here')) };

export interface Scene extends AsyncDisposable {
  readonly rig: Rig;
  readonly choice: PrimaryChoice;
  readonly steps: PrimarySwitch;
  /** The end of the topic says so. */
  readonly said: Term[];
  /** The look at it comes to its end. */
  readonly looked: () => void;
  /** As a start of the same directory knows it. */
  readonly again: (primary?: string) => Promise<PrimaryChoice>;
}

/** A proxy whose primary is held, as a start with Kafka leaves it until it has looked. `isFresh`: nothing of its log was ever confirmed. */
export async function started(isFresh = false): Promise<Scene> {
  const rig = await Rig.start();
  await rig.live();
  if (!isFresh) await rig.confirmed();
  const { wal, primary } = rig.proxy;
  await primary.hold('until it has looked');
  const again = async (named = rig.tsd.url): Promise<PrimaryChoice> => {
    const cursor = await Cursor.open(rig.data, 'primary');
    return PrimaryChoice.open(rig.data, named, cursor);
  };
  const choice = await again();
  if (isFresh) vi.spyOn(choice, 'isFresh', 'get').mockReturnValue(true);
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
    telling: NOTHING_UNDONE as Pick<ForkTelling, 'tell'> as ForkTelling,
    fence: new Fence({ look, choice, clock, logger }),
    logger,
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
    again,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await rig[Symbol.asyncDispose]();
    },
  };
}

export async function taken(rig: Rig): Promise<void> {
  expect(await rig.put('http', line('m', 1, '1'))).toMatchObject({ kind: 'accepted' });
}

export function got(tsd: FakeTsd): number {
  return tsd.points.filter(({ metric }) => metric === 'm').length;
}

/** It gets nothing, for this reason. */
export async function keptBack({ rig }: Scene, reason: string): Promise<void> {
  const { primary } = rig.proxy;
  const says = (): boolean => 'reason' in primary.state && primary.state.reason.includes(reason);
  await until(() => primary.isHeld && says(), reason);
  await taken(rig);
  expect(got(rig.tsd)).toBe(0);
}

export async function fed({ rig }: Scene): Promise<void> {
  await taken(rig);
  await rig.live();
  await until(() => got(rig.tsd) > 0, 'fed');
}
