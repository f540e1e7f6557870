import { cellKey, type CellPlace, instantMs } from './cell.ts';

const LIMITS = { queryMsMax: 60_000 } as const;

interface Series {
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly dps: Readonly<Record<string, string>>;
}

/** What OpenTSDB itself answers for all metrics of `places`, over their whole time: values by cell, as it writes them. */
export async function queryStoredCells(
  url: string,
  places: readonly CellPlace[],
): Promise<ReadonlyMap<string, string>> {
  let [startMs, endMs] = [Infinity, 0];
  for (const { timestamp } of places) {
    startMs = Math.min(startMs, instantMs(timestamp));
    endMs = Math.max(endMs, instantMs(timestamp));
  }
  const cells = new Map<string, string>();
  for (const metric of new Set(places.map((place) => place.metric))) {
    // A second more at each end: no rounding of times can hide a cell.
    const range = `start=${startMs - 1_000}&end=${endMs + 1_000}&ms=true`;
    const query = `${url}/api/query?${range}&m=none:${encodeURIComponent(metric)}`;
    for (const { tags, dps } of await ask(query)) {
      for (const [time, value] of Object.entries(dps)) {
        cells.set(cellKey({ metric, tags, timestamp: Number(time) }), value);
      }
    }
  }
  return cells;
}

async function ask(query: string): Promise<readonly Series[]> {
  const answer = await fetch(query, { signal: AbortSignal.timeout(LIMITS.queryMsMax) });
  const text = await answer.text();
  // A metric of which nothing was ever stored has no name in OpenTSDB.
  if (answer.status === 400 && text.includes('No such name')) return [];
  if (!answer.ok) throw new Error(`${query} was answered ${answer.status}: ${text.slice(0, 400)}`);
  // Numbers are kept as their texts: a JavaScript number would round large integers.
  return JSON.parse(text.replaceAll(/:(-?\d[\d.eE+-]*)(?=[,}])/g, ':"$1"')) as Series[];
}
