import { listLanes } from '../../archive/holdings/catalog.ts';
import { openRepository } from '../../archive/repository.ts';
import { PutClient } from '../../opentsdb/put-client.ts';
import { standbyLoop } from '../source/target-watch.ts';

const TIMEOUT_MS = 3_000;

/** Throws STANDBY_LOOP when the target is, or passes on to, a proxy whose writes come to the repository. One that doesn't answer passes. */
export async function assertNoLoop(target: URL, repository: string): Promise<void> {
  const through = new Set(await proxiesOf(target));
  if (through.size === 0) return;
  const { store } = await openRepository(repository);
  for await (const lane of listLanes(store, [])) {
    if (through.has(lane)) throw standbyLoop(target, lane);
  }
}

/** The lanes of the proxies that it answers through. */
async function proxiesOf(target: URL): Promise<readonly string[]> {
  const client = new PutClient({ primary: target, requestTimeoutMs: TIMEOUT_MS });
  try {
    return (await client.ask('/api/version')).through;
  } catch {
    // Whoever uses it next says that it doesn't answer.
    return [];
  } finally {
    await client.close();
  }
}
