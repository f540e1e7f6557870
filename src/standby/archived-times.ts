import type { Catalog } from '../archive/holdings/catalog.ts';
import { type Frontier, frontierOf, isEarlier } from './frontier.ts';
import type { Place } from './place.ts';

/** The receive time of the last record that a repository holds, epoch ms; -Infinity when that is none. */
export function latestOf({ lanes }: Catalog): number {
  let latestMs = -Infinity;
  for (const { objects } of lanes.values()) {
    for (const { toMs } of objects) latestMs = Math.max(latestMs, toMs);
  }
  return latestMs;
}

/** Everything that the place lacks comes behind that. */
export function startOf({ lanes }: Catalog, place: Place): Frontier {
  let start = frontierOf(place);
  for (const [lane, { objects }] of lanes) {
    const at = place.lanes.get(lane);
    const firstMs = objects.reduce((first, { fromMs }) => Math.min(first, fromMs), Infinity);
    const ms = at?.receivedAt ?? Math.max(place.sinceMs ?? -Infinity, firstMs);
    const lacks = objects.some(({ lastSeq, toMs }) =>
      at === undefined || at.seq === 0 ? toMs > ms : lastSeq > at.seq,
    );
    if (lacks && isEarlier({ ms, lane }, start)) start = { ms, lane };
  }
  return start;
}
