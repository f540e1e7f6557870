import { setTimeout as sleep } from 'node:timers/promises';
import type { Tsd } from '../stack/opentsdb.ts';
import type { Narrator } from './narrator.ts';
import type { DemoProxy } from './proxy.ts';

interface Cast {
  readonly tsd: Tsd;
  readonly proxy: DemoProxy;
  readonly narrator: Narrator;
}

/** One step; `at` is a sixtieth of the whole time, so a second of a minute. */
export interface Step<Actors> {
  readonly at: number;
  readonly act: (cast: Actors) => Promise<void>;
}

/** A proxy and its OpenTSDB, by turns and both at once. */
export const BY_TURNS: readonly Step<Cast>[] = [
  { at: 10, act: killTsd },
  { at: 20, act: killProxy },
  { at: 20, act: startProxy },
  { at: 30, act: startTsd },
  { at: 42, act: killBoth },
  { at: 42, act: startProxy },
  { at: 43, act: startTsd },
  { at: 54, act: killProxy },
  { at: 54, act: startProxy },
];

/** Kills and starts, each at its time or as soon as the step before is done; ends when the time is over. */
export async function playTimeline<Actors extends { readonly narrator: Narrator }>(
  steps: readonly Step<Actors>[],
  cast: Actors,
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<void> {
  const until = async (at: number): Promise<void> => {
    const waitMs = (at / 60) * seconds * 1_000 - cast.narrator.elapsedMs;
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    signal.throwIfAborted();
  };
  for (const { at, act } of steps) {
    await until(at);
    await act(cast);
  }
  await until(60);
}

async function killTsd({ tsd, narrator }: Cast): Promise<void> {
  narrator.say('kill -9', 'OpenTSDB');
  await tsd.kill9();
}

async function startTsd({ tsd, narrator }: Cast): Promise<void> {
  narrator.say('start', 'OpenTSDB');
  await tsd.start();
  narrator.say('opentsdb', 'answers');
}

async function killProxy({ proxy, narrator }: Cast): Promise<void> {
  narrator.say('kill -9', 'the proxy');
  await proxy.kill9();
}

async function startProxy({ proxy, narrator }: Cast): Promise<void> {
  narrator.say('start', 'the proxy');
  await proxy.start();
  narrator.say('proxy', 'takes data');
}

async function killBoth({ tsd, proxy, narrator }: Cast): Promise<void> {
  narrator.say('kill -9', 'OpenTSDB and the proxy');
  await Promise.all([tsd.kill9(), proxy.kill9()]);
}
