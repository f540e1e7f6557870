import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { isDamage } from '../archive/holdings/catalog.ts';
import { withInnerOf } from '../archive/holdings/inner-segments.ts';
import type { Sources } from '../archive/tail/sources.ts';
import { withoutDamaged } from '../archive/holdings/without-damaged.ts';
import { formatInstant } from '../runtime/instant.ts';
import { describeDamage, describeSources } from './describe-sources.ts';
import type { FoundState } from './segments/find-state.ts';
import type { Fold } from './fold/fold.ts';
import type { Demands } from './fold/fold-query.ts';
import type { FoldRange } from './fold/fold-range.ts';
import type { RestorePlan } from './restore-request.ts';
import type { TrustedSegments } from './segments/trusted-segments.ts';

/** Part of the meaning of a checkpoint. */
const FORMAT = 2;
const BYPASSES_SHOWN = 1_000;

/** A state at a time, ready to be computed. */
export interface FoldedState {
  readonly fold: Fold;
  readonly ranges: readonly FoldRange[];
  readonly demands: Demands;
}

/** What is told of a state before it is loaded. */
export async function describePlan(
  found: FoundState,
  segments: TrustedSegments,
  { fold, ranges, demands }: FoldedState,
): Promise<RestorePlan> {
  const { sources, catalog, asOfMs } = found;
  const { repository = null } = sources;
  const { selection, forks, laterForks, bypassFiles } = segments;
  const { rows, digest } = demands;
  const content = [FORMAT, fold.rowsMax, sourceName(sources), asOfMs, rows, digest];
  const plan = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const { damaged } = segments;
  const archived = withoutDamaged(
    await withInnerOf(sources.store, found.archived, damaged),
    damaged,
  );
  const bypasses = await fold.bypasses(bypassFiles, asOfMs);
  return {
    to: formatInstant(asOfMs),
    toMs: asOfMs,
    repository,
    ...(await describeSources({ ...found, archived })),
    segments: segments.objects,
    bytes: segments.bytes,
    rows: demands.rows,
    metrics: demands.metrics,
    series: demands.series,
    ...(demands.rows === 0
      ? { instants: null, lastReceived: null }
      : {
          instants: { from: formatInstant(demands.firstMs), to: formatInstant(demands.lastMs) },
          lastReceived: formatInstant(demands.receivedMs),
        }),
    ranges: ranges.length,
    holes: selection.holes,
    laterHoles: selection.laterHoles,
    damaged: [
      ...catalog.faults.filter(isDamage).map(({ object, reason }) => {
        return { object, reason, instead: [] };
      }),
      ...describeDamage({ ...found, archived }, damaged),
    ],
    disputed: selection.disputed,
    forks: forks.map(describeFork),
    laterForks: laterForks.map(describeFork),
    bypasses: bypasses.slice(0, BYPASSES_SHOWN).map(({ receivedAt, payload }) => ({
      at: formatInstant(receivedAt),
      change: payload,
    })),
    plan,
  };
}

function describeFork({
  id,
  at,
  receivedAt,
  undone,
}: TrustedSegments['forks'][number]): RestorePlan['forks'][number] {
  return { id, at: formatInstant(at), since: formatInstant(receivedAt), undone };
}

/** The same, however much of the log is archived meanwhile; and wherever the repository was mounted. */
export function sourceName({ repository, data }: Sources): string {
  return repository?.id ?? resolve(data ?? '');
}
