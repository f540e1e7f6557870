import type { LoggedFork } from '../../record/fork.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import { missing, type ObjectFault, stranger } from './catalog.ts';
import type { DamagedSpan } from './coverage.ts';
import { type ListLane, listOutermost } from './lane-listing.ts';
import { outermost } from './lane-spans.ts';
import {
  formatSidecarName,
  parseObjectName,
  segmentOf,
  type SegmentName,
  type Span,
} from '../format/object-names.ts';
import { checkSegment, type SegmentCheck } from '../verify/segment-check.ts';

/** What some of a lane's segments come to. */
export interface Tally {
  readonly spans: readonly Span[];
  /** Segments that were found to be damaged, and are none of the spans. */
  readonly damaged: readonly DamagedSpan[];
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

/** Sums up objects of one lane; what is wrong is added to `faults`. */
export type TallyObjects = (
  store: ObjectStore,
  objects: AsyncIterable<ObjectInfo>,
  faults: ObjectFault[],
) => Promise<Tally>;

/** By their names alone: bytes, records and points stay 0, and forks unknown. */
export const tallyNames: TallyObjects = async (_store, objects, faults) => {
  const { segments } = await listSegments(objects, faults);
  return {
    spans: segments,
    damaged: [],
    totals: { ...NO_TOTALS, segments: outermost(segments).length },
    forks: [],
  };
};

/**
 * The same, without segments whose data are gone. A sidecar is read where the listing shows no data: `known` are names of
 * those that are to have none, and `dataless` is told them.
 */
export function tallyPresent(
  known: ReadonlySet<string>,
  dataless: (sidecar: string) => void,
): TallyObjects {
  return async (store, objects, faults) => {
    const { segments, stems } = await listSegments(objects, faults);
    const look = async (segment: SegmentName): Promise<SegmentCheck | undefined> => {
      const name = formatSidecarName(segment);
      if (stems.has(name.slice(0, -SIDECAR_END.length))) return undefined;
      const check = known.has(name) ? undefined : await checkSegment(store, segment, QUICK);
      if (check === undefined || (check.kind === 'whole' && check.path === undefined))
        dataless(name);
      return check;
    };
    const { usable, damaged, counted } = await lookAtOutermost(segments, look, faults);
    const totals = { ...NO_TOTALS, segments: counted.length };
    return { spans: usable, damaged, totals, forks: [] };
  };
}

/** Reads the sidecars that count, and looks at the sizes of their data; what can't be used doesn't. */
export const tallyObjects: TallyObjects = async (store, objects, faults) => {
  const { segments } = await listSegments(objects, faults);
  const checks = new Map<SegmentName, SegmentCheck>();
  const look = async (segment: SegmentName): Promise<SegmentCheck> => {
    const check = await checkSegment(store, segment, QUICK);
    checks.set(segment, check);
    return check;
  };
  const { usable, damaged, counted } = await lookAtOutermost(segments, look, faults);
  const totals = { ...NO_TOTALS, segments: counted.length };
  const forks: LoggedFork[] = [];
  for (const segment of counted) {
    const check = checks.get(segment);
    if (check?.kind !== 'whole') continue;
    totals.bytes += check.sidecar.data?.bytes ?? 0;
    totals.records += check.sidecar.records;
    totals.points += check.sidecar.points;
    forks.push(...(check.sidecar.forks ?? []));
  }
  return { spans: usable, damaged, totals, forks };
};

const QUICK = { isQuick: true } as const;
const LOOKS_AT_ONCE = 32;

interface Looked {
  /** All that were listed, but for those that were found to be damaged. */
  readonly usable: readonly SegmentName[];
  readonly damaged: readonly DamagedSpan[];
  /** The outermost of these. */
  readonly counted: readonly SegmentName[];
}

/** Looks at each that lies in no other; at those in it where it can't be used. `look` gives undefined for what needs none. */
async function lookAtOutermost(
  segments: readonly SegmentName[],
  look: (segment: SegmentName) => Promise<SegmentCheck | undefined>,
  faults: ObjectFault[],
): Promise<Looked> {
  const seen = new Set<SegmentName>();
  const damage = new Map<SegmentName, DamagedSpan>();
  for (;;) {
    const usable = damage.size === 0 ? segments : segments.filter((one) => !damage.has(one));
    const counted = outermost(usable);
    const found = damage.size;
    const unseen = counted.filter((segment) => !seen.has(segment));
    for (let at = 0; at < unseen.length; at += LOOKS_AT_ONCE) {
      const group = unseen.slice(at, at + LOOKS_AT_ONCE);
      const checks = await Promise.all(group.map(look));
      // In the order of the list, whichever was looked at first: a report is the same each time.
      for (const [index, segment] of group.entries()) {
        const fault = faultOf(checks[index]);
        seen.add(segment);
        if (fault === undefined) continue;
        faults.push(fault);
        damage.set(segment, { ...segment, reason: `${fault.object} is ${fault.kind}` });
      }
    }
    if (damage.size === found) return { usable, damaged: [...damage.values()], counted };
  }
}

function faultOf(check: SegmentCheck | undefined): ObjectFault | undefined {
  if (check?.kind === 'missing') return missing(check.object);
  if (check?.kind !== 'damaged') return undefined;
  const { kind, object, reason } = check;
  return { kind, object, reason };
}

interface Listed {
  readonly segments: readonly SegmentName[];
  /** Of the names of data objects. */
  readonly stems: ReadonlySet<string>;
}

const SIDECAR_END = '.json';
const DATA_END = '.89abcdef.parquet';

async function listSegments(
  objects: AsyncIterable<ObjectInfo>,
  faults: ObjectFault[],
): Promise<Listed> {
  const segments: SegmentName[] = [];
  const stems = new Set<string>();
  for await (const { name } of objects) {
    const parsed = parseObjectName(name);
    if (parsed === undefined) faults.push(stranger(name));
    else if (parsed.kind === 'sidecar') segments.push(segmentOf(parsed));
    else if (parsed.kind === 'data') stems.add(name.slice(0, -DATA_END.length));
  }
  return { segments, stems };
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
    damaged: tallies.flatMap(({ damaged }) => damaged),
    totals,
    forks: tallies.flatMap(({ forks }) => forks),
  };
}
