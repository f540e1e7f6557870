import { WalError } from '../../runtime/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import type { Holdings, LaneHoldings } from './coverage.ts';
import { withBeside } from './doubtful-days.ts';
import { ALL_DAYS } from './lane-listing.ts';
import { isUnreadable } from '../data-object.ts';
import {
  formatBeginName,
  formatHoleName,
  formatRetirementName,
  formatSidecarName,
  parseObjectName,
  type SegmentName,
} from '../format/object-names.ts';
import { listOuter } from './outer-segments.ts';
import { assertFormat } from '../format/sealed-json.ts';
import {
  type Begin,
  type HoleMarker,
  parseBegin,
  parseHoleMarker,
  parseRetirement,
  parseSidecar,
  type Retirement,
  type Sidecar,
} from '../format/sidecar.ts';

/** What a repository holds, from its listing: the truth, but for what is inside the objects. */
export interface Catalog extends Holdings {
  readonly lanes: ReadonlyMap<string, CatalogLane>;
  /** What the listing shows to be wrong; `verify` looks into all of it. */
  readonly faults: readonly ObjectFault[];
}

export interface CatalogLane extends LaneHoldings {
  /** Segments that are committed and lie in no other: what a merged one stands for is looked for where it is needed. */
  readonly objects: readonly SegmentName[];
}

/** What is wrong with an object. */
export interface ObjectFault {
  /** `stranger`: a name that is none of ours, so that nothing of ours is damaged by it. */
  readonly kind: 'damaged' | 'missing' | 'stranger';
  readonly object: string;
  readonly reason: string;
}

/**
 * Lists a repository, but for the hours and minutes of days that were merged; reads begins and hole markers, and no sidecar. Where
 * something seems to be missing all of the day is looked at: its segment may have been made without what came late.
 */
export async function readCatalog(store: ObjectStore): Promise<Catalog> {
  const lanes = new Map<string, CatalogLane>();
  const faults: ObjectFault[] = [];
  for await (const lane of listLanes(store, faults)) {
    const onStranger = (name: string): number => faults.push(stranger(name));
    const objects = await listOuter({ store, lane, onStranger }, ALL_DAYS);
    lanes.set(lane, { ...(await readLaneNotes(store, lane, faults)), objects });
  }
  return { lanes: await withBeside(store, lanes), faults };
}

/**
 * The lanes of a repository, by one listing of what is below `lanes/`, and a short one of each that isn't known to have something; other names
 * are faults.
 */
export async function* listLanes(
  store: ObjectStore,
  faults: ObjectFault[],
  known: ReadonlyMap<string, unknown> = new Map(),
): AsyncGenerator<string> {
  for await (const { name, isFolder } of store.children('lanes')) {
    const lane = LANE.exec(name)?.[1];
    if (!isFolder) faults.push(stranger(name));
    else if (lane === undefined) {
      for await (const other of store.list(name)) faults.push(stranger(other.name));
      // A crash may leave a folder with nothing in it.
    } else if (known.has(lane) || (await firstName(store.list(name))) !== undefined) yield lane;
  }
}

async function firstName(listing: AsyncIterable<ObjectInfo>): Promise<string | undefined> {
  for await (const { name } of listing) return name;
  return undefined;
}

/** What is told of a lane beside its segments. */
export interface LaneNotes {
  readonly begin: Begin | undefined;
  readonly holes: readonly HoleMarker[];
  readonly retirements: readonly Retirement[];
}

export async function readLaneNotes(
  store: ObjectStore,
  lane: string,
  faults: ObjectFault[],
): Promise<LaneNotes> {
  const beginName = formatBeginName(lane);
  const content = await readWhole(store, beginName);
  const begin = content && parseBegin(content);
  if (begin?.lane !== lane) {
    faults.push(content === undefined ? missing(beginName) : damaged(beginName));
  }
  const holes = await readNotes(store, { lane, kind: 'hole', faults }, (bytes) => {
    const marker = parseHoleMarker(bytes);
    return marker && { name: formatHoleName(marker), note: marker };
  });
  const retirements = await readNotes(store, { lane, kind: 'retirement', faults }, (bytes) => {
    const note = parseRetirement(bytes);
    return note && { name: formatRetirementName(note.lane, note.lastSeq), note };
  });
  return { begin: begin?.lane === lane ? begin : undefined, holes, retirements };
}

const NOTE_FOLDERS = { hole: 'holes', retirement: 'retired' } as const;

async function readNotes<T>(
  store: ObjectStore,
  of: {
    readonly lane: string;
    readonly kind: keyof typeof NOTE_FOLDERS;
    readonly faults: ObjectFault[];
  },
  parse: (content: Buffer) => { readonly name: string; readonly note: T } | undefined,
): Promise<T[]> {
  const { lane, kind, faults } = of;
  const notes: T[] = [];
  for await (const { name } of store.list(`lanes/${lane}/${NOTE_FOLDERS[kind]}`)) {
    if (parseObjectName(name)?.kind !== kind) {
      faults.push(stranger(name));
      continue;
    }
    const content = await readWhole(store, name);
    const parsed = content && parse(content);
    if (parsed?.name === name) notes.push(parsed.note);
    else faults.push(damaged(name));
  }
  return notes;
}

/** Undefined when there is none; throws REPOSITORY_DAMAGED when it isn't what was written, FORMAT_NEWER when a newer version did. */
export async function readSidecar(
  store: ObjectStore,
  segment: SegmentName,
): Promise<Sidecar | undefined> {
  const name = formatSidecarName(segment);
  const content = await readWhole(store, name);
  if (content === undefined) return undefined;
  const sidecar = parseSidecar(content);
  if (sidecar === undefined || formatSidecarName(sidecar) !== name) throw damagedSidecar(name);
  // Data of another segment, though whole, would be restored in place of this one's.
  if (sidecar.data !== null && !isDataOf(sidecar, sidecar.data.object)) throw damagedSidecar(name);
  return sidecar;
}

/** Empty when the disk does not give it back. Throws FORMAT_NEWER. */
export async function readWhole(store: ObjectStore, name: string): Promise<Buffer | undefined> {
  const content = await readIfReadable(store, name);
  if (content !== undefined) assertFormat(content, name);
  return content;
}

async function readIfReadable(store: ObjectStore, name: string): Promise<Buffer | undefined> {
  try {
    return await store.read(name);
  } catch (error) {
    if (isUnreadable(error)) return Buffer.alloc(0);
    throw error;
  }
}

function isDataOf(segment: SegmentName, object: string): boolean {
  const parsed = parseObjectName(object);
  return parsed?.kind === 'data' && formatSidecarName(parsed) === formatSidecarName(segment);
}

function damagedSidecar(name: string): WalError {
  return new WalError('REPOSITORY_DAMAGED', `${name} is damaged`, {
    context: { object: name },
    hint: '`tsdb-wal verify` names all that is damaged; put those objects back from a copy of the repository.',
  });
}

const LANE = /^lanes\/([0-9a-f]{16})$/;

export function isDamage({ kind }: ObjectFault): boolean {
  return kind !== 'stranger';
}

export function damaged(object: string): ObjectFault {
  return { kind: 'damaged', object, reason: 'it is not what was written' };
}

export function stranger(object: string): ObjectFault {
  return { kind: 'stranger', object, reason: 'no object of a repository has such a name' };
}

export function missing(object: string): ObjectFault {
  return { kind: 'missing', object, reason: 'it is missing' };
}
