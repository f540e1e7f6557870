import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { DAMAGED, NO_NAME, type ObjectFault, readSidecar, segmentOf } from './catalog.ts';
import { outermost } from './lane-spans.ts';
import {
  formatSidecarName,
  LEVELS,
  monthFolder,
  parseObjectName,
  type SegmentName,
  type Span,
} from './object-names.ts';

/** What some of a lane's segments come to. */
export interface Tally {
  readonly spans: readonly Span[];
  readonly totals: Totals;
}

export interface Totals {
  /** Segments, of all levels. */
  readonly segments: number;
  /** Of all objects, also of data that no sidecar names. */
  readonly bytes: number;
  /** Each once, though it may be in a segment of every level. */
  readonly records: number;
  readonly points: number;
}

export const NO_TOTALS: Totals = { segments: 0, bytes: 0, records: 0, points: 0 };

const SIDECARS_AT_ONCE = 32;

/** Reads the sidecars that count; what is wrong is added to `faults`. */
export async function tallyObjects(
  store: ObjectStore,
  objects: AsyncIterable<ObjectInfo>,
  faults: ObjectFault[],
): Promise<Tally> {
  const segments: SegmentName[] = [];
  let bytes = 0;
  for await (const object of objects) {
    bytes += object.bytes;
    const parsed = parseObjectName(object.name);
    if (parsed === undefined) faults.push({ object: object.name, reason: NO_NAME });
    else if (parsed.kind === 'sidecar') segments.push(segmentOf(parsed));
  }
  let records = 0;
  let points = 0;
  const counted = outermost(segments);
  for (let at = 0; at < counted.length; at += SIDECARS_AT_ONCE) {
    const some = counted.slice(at, at + SIDECARS_AT_ONCE);
    for (const counts of await Promise.all(some.map((segment) => count(store, segment, faults)))) {
      records += counts.records;
      points += counts.points;
    }
  }
  return { spans: segments, totals: { segments: segments.length, bytes, records, points } };
}

/** From the listing. */
export async function tallyLaneMonth(
  store: ObjectStore,
  of: { readonly lane: string; readonly month: string; readonly faults: ObjectFault[] },
): Promise<Tally> {
  const { lane, month, faults } = of;
  const listing = async function* () {
    for (const level of LEVELS) yield* store.list(monthFolder(lane, level, month));
  };
  return tallyObjects(store, listing(), faults);
}

export function addTallies(tallies: readonly Tally[]): Tally {
  const totals = { ...NO_TOTALS };
  for (const tally of tallies) {
    totals.segments += tally.totals.segments;
    totals.bytes += tally.totals.bytes;
    totals.records += tally.totals.records;
    totals.points += tally.totals.points;
  }
  return { spans: tallies.flatMap(({ spans }) => spans), totals };
}

async function count(
  store: ObjectStore,
  segment: SegmentName,
  faults: ObjectFault[],
): Promise<{ readonly records: number; readonly points: number }> {
  try {
    return (await readSidecar(store, segment)) ?? NO_TOTALS;
  } catch {
    // The only fault that it throws; a store that can't be read fails the listing first.
    faults.push({ object: formatSidecarName(segment), reason: DAMAGED });
    return NO_TOTALS;
  }
}
