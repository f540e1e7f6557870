import { stopAll, startStack, type Stack } from '../stack/stack.ts';
import { sweep, throwawayPlace } from '../stack/places.ts';
import { join } from 'node:path';
import type { Feed } from './collector-config.ts';
import { type Collector, startCollectd, startHttpSource } from './collectors.ts';
import type { Endings } from './endings.ts';
import type { Narrator } from './narrator.ts';

/** What every demonstration takes place on. */
export interface Stage {
  readonly narrator: Narrator;
  readonly endings: Endings;
  /** Someone wants it to end. */
  readonly signal: AbortSignal;
  /** For data, and what the programs print. */
  readonly directory: string;
  /** So long it is acted. */
  readonly seconds: number;
}

export async function startHbase({ endings, narrator, signal }: Stage): Promise<Stack> {
  await sweep();
  const place = await throwawayPlace();
  endings.add(() => stopAll(place.directory, place.purpose));
  narrator.say('start', 'HBase and OpenTSDB, with empty tables');
  const stack = await startStack(place);
  signal.throwIfAborted();
  return stack;
}

type To = Pick<Feed, 'host' | 'port'>;

export function feedCollectd(stage: Stage, to: To): Promise<Collector | undefined> {
  const options = { ...to, intervalSeconds: 1, directory: join(stage.directory, 'collectd') };
  return startCollector(stage, { ...options, name: 'collectd' }, () => startCollectd(options));
}

export function feedNetdata(stage: Stage, to: To): Promise<Collector | undefined> {
  const options = { ...to, intervalSeconds: 2, directory: join(stage.directory, 'netdata') };
  return startCollector(stage, { ...options, name: 'netdata' }, () => startHttpSource(options));
}

/** A collector that is not there is told, and done without. */
async function startCollector(
  { narrator, endings }: Stage,
  { name, intervalSeconds }: { readonly name: string; readonly intervalSeconds: number },
  start: () => Promise<Collector>,
): Promise<Collector | undefined> {
  // A function that may throw at once, too.
  const starting = (async () => start())().catch((error: unknown) => {
    narrator.say(
      name,
      `not taking part: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  });
  endings.add(async () => (await starting)?.stop());
  const collector = await starting;
  if (collector !== undefined) narrator.say(name, `sends every ${intervalSeconds} s`);
  return collector;
}
