import type { QueryClient } from './query-client.ts';

/** More metrics than a TSD could ever suggest. */
const SUGGESTIONS_MAX = 16_777_216;

/**
 * The metrics that a TSD has a UID for; without `start` but for those that begin with no ASCII, with it those that begin so. Undefined: it
 * lists none. Rejects when there is no answer.
 */
export async function suggestMetrics(
  client: Pick<QueryClient, 'get'>,
  start = '',
): Promise<readonly string[] | undefined> {
  const query = new URLSearchParams({ type: 'metrics', max: String(SUGGESTIONS_MAX) });
  if (start !== '') query.set('q', start);
  const names = await client.get(`/api/suggest?${query.toString()}`);
  if (!Array.isArray(names)) return undefined;
  return (names as readonly unknown[]).filter((name) => typeof name === 'string');
}
