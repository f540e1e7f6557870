import type { LoggedFork } from '../record/fork.ts';
import { WalError } from '../runtime/errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { damaged, type ObjectFault, readSidecar, segmentOf, stranger } from './catalog.ts';
import { type ListLane, listOutermost } from './lane-listing.ts';
import { outermost } from './lane-spans.ts';
import { formatSidecarName, parseObjectName, type SegmentName, type Span } from './object-names.ts';
import type { Sidecar } from './sidecar.ts';

/** What some of a lane's segments come to. */
export interface Tally {
  readonly spans: readonly Span[];
  readonly totals: Totals;
  /** What they say to be undone, as often as it is said. */
  readonly forks: readonly LoggedFork[];
}

export interface Totals {
  /** Each record once, though it may be in a segment of every level: in so few segments. */
  readonly segments: number;
  /** Of their data objects. */
  readonly bytes: number;
  readonly records: number;
  readonly points: number;
}

export const NO_TOTALS: Totals = { segments: 0, bytes: 0, records: 0, points: 0 };

const SIDECARS_AT_ONCE = 32;

/** Sums up objects of one lane; what is wrong is added to `faults`. */
export type TallyObjects = (
  store: ObjectStore,
  objects: AsyncIterable<ObjectInfo>,
  faults: ObjectFault[],
) => Promise<Tally>;

/** By their names alone: bytes, records and points stay 0, and forks unknown. */
export const tallyNames: TallyObjects = async (_store, objects, faults) => {
  const spans = await segmentsIn(objects, faults);
  return { spans, totals: { ...NO_TOTALS, segments: outermost(spans).length }, forks: [] };
};

/** Reads the sidecars that count. */
export const tallyObjects: TallyObjects = async (store, objects, faults) => {
  const segments = await segmentsIn(objects, faults);
  const counted = outermost(segments);
  const totals = { ...NO_TOTALS, segments: counted.length };
  const forks: LoggedFork[] = [];
  for (let at = 0; at < counted.length; at += SIDECARS_AT_ONCE) {
    const some = counted.slice(at, at + SIDECARS_AT_ONCE);
    for (const sidecar of await Promise.all(some.map((segment) => read(store, segment, faults)))) {
      totals.bytes += sidecar?.data?.bytes ?? 0;
      totals.records += sidecar?.records ?? 0;
      totals.points += sidecar?.points ?? 0;
      forks.push(...(sidecar?.forks ?? []));
    }
  }
  return { spans: segments, totals, forks };
};

async function segmentsIn(
  objects: AsyncIterable<ObjectInfo>,
  faults: ObjectFault[],
): Promise<SegmentName[]> {
  const segments: SegmentName[] = [];
  for await (const object of objects) {
    const parsed = parseObjectName(object.name);
    if (parsed === undefined) faults.push(stranger(object.name));
    else if (parsed.kind === 'sidecar') segments.push(segmentOf(parsed));
  }
  return segments;
}

export interface LaneMonth {
  readonly lane: string;
  readonly month: string;
  readonly faults: ObjectFault[];
}

/** From the listing. */
export async function tallyLaneMonth(
  store: ObjectStore,
  { lane, month, faults }: LaneMonth,
  { tally = tallyObjects, list = listOutermost }: { tally?: TallyObjects; list?: ListLane } = {},
): Promise<Tally> {
  const folder = month.replace('-', '/');
  const days = { from: `${folder}/01`, through: `${folder}/31` };
  return tally(store, list(store, lane, days), faults);
}

export function addTallies(tallies: readonly Tally[]): Tally {
  const totals = { ...NO_TOTALS };
  for (const tally of tallies) {
    totals.segments += tally.totals.segments;
    totals.bytes += tally.totals.bytes;
    totals.records += tally.totals.records;
    totals.points += tally.totals.points;
  }
  return {
    spans: tallies.flatMap(({ spans }) => spans),
    totals,
    forks: tallies.flatMap(({ forks }) => forks),
  };
}

async function read(
  store: ObjectStore,
  segment: SegmentName,
  faults: ObjectFault[],
): Promise<Sidecar | undefined> {
  try {
    return await readSidecar(store, segment);
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    faults.push(damaged(formatSidecarName(segment)));
    return undefined;
  }
}
