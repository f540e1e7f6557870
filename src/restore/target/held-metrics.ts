import type { QueryClient } from '../../opentsdb/query-client.ts';
import type { MetricExtent } from '../fold/fold-query.ts';

type Client = Pick<QueryClient, 'holdsData'>;

/** Under way at once. */
export const QUESTIONS_MAX = 4;

/** To be looked for about there first, epoch ms. */
export function spansOf(
  metrics: readonly string[],
  firstMs: number,
  lastMs: number,
): MetricExtent[] {
  return metrics.map((metric) => ({ metric, firstMs, lastMs }));
}

/** Of the metrics some that hold data, by `isHeld`, `enough` or a few more, or all. Rejects when there is no answer. */
export async function someHeld(
  client: Client,
  metrics: readonly MetricExtent[],
  enough: number,
  isHeld: typeof holds = holds,
): Promise<readonly string[]> {
  const held: string[] = [];
  await forEach(metrics, async (span) => {
    if (held.length < enough && (await isHeld(client, span)) === true) held.push(span.metric);
  });
  return held;
}

/** First where data are likely, so that a full target is not asked to read all of it. Rejects when there is no answer. */
export async function holds(
  client: Client,
  { metric, firstMs, lastMs }: MetricExtent,
): Promise<boolean | 'unknown name'> {
  const hourMs = 3_600_000;
  for (const [fromMs, toMs] of [
    [lastMs - hourMs, lastMs],
    [firstMs, firstMs + hourMs],
    [firstMs, lastMs],
    [0, Infinity],
  ] as const) {
    const held = await client.holdsData(metric, fromMs, toMs);
    if (held !== false) return held;
  }
  return false;
}

/** Within its time alone. Rejects when there is no answer. */
export async function holdsWithin(
  client: Client,
  { metric, firstMs, lastMs }: MetricExtent,
): Promise<boolean | 'unknown name'> {
  return client.holdsData(metric, firstMs, lastMs);
}

/** A few at a time. */
export async function forEach<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const rest = all[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const one of { [Symbol.iterator]: () => rest }) await act(one);
  };
  await Promise.all(Array.from({ length: QUESTIONS_MAX }, worker));
}
