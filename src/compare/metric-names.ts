import type { QueryClient } from '../opentsdb/query-client.ts';
import { suggestMetrics } from '../opentsdb/suggest-metrics.ts';

/** A listing without a start leaves out names that begin with one of these. */
const LETTERS = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).filter(
  (letter) => letter > '\u007f' && /\p{L}/u.test(letter),
);

/** The names of all metrics that an OpenTSDB has a UID for. Rejects when it doesn't answer as one does. */
export async function listMetrics(client: Pick<QueryClient, 'get'>): Promise<string[]> {
  const names = new Set<string>();
  for (const start of ['', ...LETTERS]) {
    const found = await suggestMetrics(client, start);
    if (found === undefined) throw new Error('it does not list its metrics (/api/suggest)');
    for (const name of found) names.add(name);
  }
  return [...names];
}

/** Whether a metric is meant by a pattern, in which `*` stands for any characters. */
export function fitsPattern(metric: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(metric);
}
