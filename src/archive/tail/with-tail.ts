import type { Catalog } from '../holdings/catalog.ts';
import type { LogTail } from './log-tail.ts';
import type { SegmentName } from '../format/object-names.ts';
import type { Begin, HoleMarker } from '../format/sidecar.ts';
import type { TopicTail } from './topic-tail.ts';

/** What is known of a lane beside what its repository tells. */
export interface LaneAddition {
  readonly begin: Begin;
  readonly objects: readonly SegmentName[];
  readonly holes: readonly HoleMarker[];
}

/** What was found beyond a repository. */
export interface Tails {
  readonly tail: LogTail | undefined;
  readonly topic: TopicTail | undefined;
}

/** What a log and a topic hold counts as if it were archived, each run as one segment. */
export function withTails(catalog: Catalog, { tail, topic }: Tails, now: number): Catalog {
  const lanes = [...(tail?.lanes ?? []), ...(topic?.lanes ?? [])];
  const additions = lanes.map(({ begin, runs, holes }) => {
    const objects = runs.map(({ firstSeq, lastSeq, fromMs, toMs }) => {
      return { lane: begin.lane, level: 'minute' as const, firstSeq, lastSeq, fromMs, toMs };
    });
    return { begin, objects, holes };
  });
  return withRest(withAdditions(catalog, additions), tail, now);
}

export function withAdditions(catalog: Catalog, additions: readonly LaneAddition[]): Catalog {
  const lanes = new Map(catalog.lanes);
  for (const { begin, objects, holes } of additions) {
    const known = lanes.get(begin.lane);
    lanes.set(begin.lane, {
      ...known,
      begin: known?.begin ?? begin,
      objects: [...(known?.objects ?? []), ...objects],
      holes: [...(known?.holes ?? []), ...holes],
    });
  }
  return { ...catalog, lanes };
}

/**
 * The same catalog; where no process writes the log, its last lane is ended in it, so that it holds the safe time back no longer. `catalog`: what
 * `withTails` made of all that was found. `now`: epoch ms.
 */
export function withRest(catalog: Catalog, tail: LogTail | undefined, now: number): Catalog {
  const rest = tail && restOf(catalog, tail, now);
  if (rest === undefined) return catalog;
  const lanes = new Map(catalog.lanes).set(rest.lane, { begin: rest, objects: [], holes: [] });
  return { ...catalog, lanes };
}

/** No lane has this id. */
const REST = 'ffffffffffffffff';

/**
 * Nobody writes the log: whatever comes later is of a later lane, whose begin this stands for. So the last lane is complete.
 * Undefined when somebody does; or when more of the lane is elsewhere: this log is then a copy from before.
 */
function restOf({ lanes }: Catalog, tail: LogTail, now: number): Begin | undefined {
  const last = tail.lanes.at(-1);
  if (last === undefined || tail.log.holder !== undefined) return undefined;
  const { begin, lastSeq, toMs } = last;
  const { objects = [], damaged = [] } = lanes.get(begin.lane) ?? {};
  if ([...objects, ...damaged].some((object) => object.lastSeq > lastSeq)) return undefined;
  return {
    lane: REST,
    ordinal: begin.ordinal + 1,
    firstSeq: 1,
    openedAt: Math.max(now, toMs + 1),
    previous: { lane: begin.lane, lastSeq },
    reason: 'nobody writes the log',
    disputed: null,
    host: '',
  };
}
