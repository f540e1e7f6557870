import type { PutClient } from '../opentsdb/put-client.ts';
import { readErrorCounters, readServerFacts, type ServerFacts } from '../opentsdb/server-facts.ts';
import type { Vitals } from './confirmation.ts';

export type Probed =
  | { readonly kind: 'up'; readonly facts: ServerFacts; readonly vitals: Vitals }
  | { readonly kind: 'down'; readonly reason: string };

/** Asks a TSD who it is, how it is set up and how it is. Never rejects. */
export async function probe(client: PutClient): Promise<Probed> {
  try {
    const version = await client.get('/api/version');
    if (version === undefined) {
      return { kind: 'down', reason: 'it does not answer /api/version as an OpenTSDB does' };
    }
    const config = await client.get('/api/config');
    const jvm = await client.get('/api/stats/jvm');
    const stats = await client.get('/api/stats');
    const facts = readServerFacts(config, jvm);
    const vitals = { startTime: facts.startTime, counters: readErrorCounters(stats) };
    return { kind: 'up', facts, vitals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'down', reason: message === '' ? (code ?? 'no answer') : message };
  }
}

/** How a TSD is now; rejects when it doesn't answer. */
export async function readVitals(client: PutClient): Promise<Vitals> {
  const { startTime } = readServerFacts(undefined, await client.get('/api/stats/jvm'));
  return { startTime, counters: readErrorCounters(await client.get('/api/stats')) };
}
