import { formatInstant } from '../runtime/instant.ts';
import type { PromoteEvent } from './promote-event.ts';
import type { ProxyView, StandbyView } from './promote-views.ts';

/** The clock here and those of the proxies may differ, and an age is told to a second or a few. */
const SPARE_MS = 60_000;

/** By proxy: what it received by then, epoch ms, its primary surely stores. `nowMs`: when it was asked, epoch ms. */
export function storedToOf(
  views: readonly ProxyView[],
  nowMs: number,
): ReadonlyMap<string, number> {
  const known = views.flatMap(({ address, unconfirmedSeconds: age }) => {
    return age === undefined ? [] : [[address, nowMs - age * 1_000 - SPARE_MS] as const];
  });
  return new Map(known.map(([address, ms]) => [address, Math.floor(ms / 1_000) * 1_000]));
}

/** Beyond that a lane of a named proxy may be gone from its log. */
const AWAY_MS_MAX = 86_400_000;

/**
 * Whether a lane of the last day that nothing has ended belongs to no named proxy: what that received before it was away, its primary may not
 * store.
 */
export function isAnyAway(
  { lanes, ended, seen }: Pick<StandbyView, 'lanes' | 'ended' | 'seen'>,
  proxies: readonly ProxyView[],
): boolean {
  const received = [...lanes, ...seen.lanes.map((one) => [one.lane, one.receivedMs] as const)];
  const latestMs = Math.max(...received.map(([, ms]) => ms));
  return received.some(([lane, ms]) => {
    const isKnown = ended.has(lane) || proxies.some(({ own }) => own.has(lane));
    return !isKnown && ms > latestMs - AWAY_MS_MAX;
  });
}

/** A proxy that was held. */
interface HeldOne {
  readonly before: string;
  /** Epoch ms; undefined: it isn't known. */
  readonly storedToMs: number | undefined;
}

/** What is known of the old primary, should it become a standby. `isAll`: no proxy was away, or switched by an earlier run. */
export function beforeOf(
  held: readonly HeldOne[],
  { isAll, isUndone }: { readonly isAll: boolean; readonly isUndone: boolean },
): Extract<PromoteEvent, { event: 'done' }>['before'] {
  const primaries = [...new Set(held.map(({ before }) => before))];
  const times = held.flatMap(({ storedToMs }) => storedToMs ?? []);
  const isKnown = isAll && primaries.length === 1 && times.length === held.length;
  return {
    primaries,
    storedTo: isKnown ? formatInstant(Math.min(...times)) : null,
    undone: isUndone,
  };
}
