import { PutClient } from '../opentsdb/put-client.ts';
import {
  readErrorCounters,
  readServerFacts,
  type ServerFacts,
  tsdMode,
} from '../opentsdb/server-facts.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Vitals } from './prove/confirmation.ts';

export type Probed =
  | { readonly kind: 'up'; readonly facts: ServerFacts; readonly vitals: Vitals }
  | { readonly kind: 'down'; readonly reason: string };

/**
 * Why an OpenTSDB that answers through these proxies, named by their lanes, is not to be fed: what it is given would come back to where it
 * is fed from. Undefined: it may be. Rejects when whoever feeds it is to end. `isUp`: it answered as one, and is fed as soon as it may be.
 */
export type Barred = (through: readonly string[], isUp: boolean) => Promise<string | undefined>;

/** Asks a TSD who it is, how it is set up and how it is; what is not to be fed counts as down. Rejects as `barred` does only. */
export async function probe(client: PutClient, barred: Barred): Promise<Probed> {
  const { probed, through } = await ask(client);
  const reason = await barred(through, probed.kind === 'up');
  return reason === undefined ? probed : { kind: 'down', reason };
}

const ONCE_MS_MAX = 3_000;

/** One that is not fed by this process, or about to be, by connections of its own. Rejects as `barred` does only. */
export async function probeOnce(url: URL, barred: Barred): Promise<Probed> {
  const client = new PutClient({ primary: url, requestTimeoutMs: ONCE_MS_MAX });
  try {
    return await probe(client, barred);
  } finally {
    await client.close();
  }
}

/** As `/primary/probe` of a proxy and `/target/probe` of a standby answer (docs/OPERATIONS.md). */
export function describeProbe(probed: Probed): {
  readonly trouble: string | null;
  readonly startedAt: readonly string[];
} {
  if (probed.kind === 'down') return { trouble: probed.reason, startedAt: [] };
  const { startTime } = probed.facts;
  return { trouble: null, startedAt: startTime === undefined ? [] : [formatInstant(startTime)] };
}

const READ_ONLY = 'it is read-only: set tsd.mode=rw and restart the TSD';

interface Answer {
  readonly probed: Probed;
  /** The lanes of the proxies that it came through. */
  readonly through: readonly string[];
}

async function ask(client: PutClient): Promise<Answer> {
  let through: readonly string[] = [];
  try {
    const version = await client.ask('/api/version');
    through = version.through;
    if (version.json === undefined) {
      const reason = 'it does not answer /api/version as an OpenTSDB does';
      return { probed: { kind: 'down', reason }, through };
    }
    const config = await client.get('/api/config');
    if (tsdMode(config) === 'ro') return { probed: { kind: 'down', reason: READ_ONLY }, through };
    const jvm = await client.get('/api/stats/jvm');
    const stats = await client.get('/api/stats');
    const facts = readServerFacts(config, jvm);
    const vitals = { startTime: facts.startTime, counters: readErrorCounters(stats) };
    return { probed: { kind: 'up', facts, vitals }, through };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = message === '' ? (code ?? 'no answer') : message;
    return { probed: { kind: 'down', reason }, through };
  }
}

/** How a TSD is now; rejects when it doesn't answer. */
export async function readVitals(client: PutClient): Promise<Vitals> {
  const { startTime } = readServerFacts(undefined, await client.get('/api/stats/jvm'));
  return { startTime, counters: readErrorCounters(await client.get('/api/stats')) };
}
