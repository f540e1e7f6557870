import { type Catalog, readSidecar } from '../../archive/holdings/catalog.ts';
import { checkDataObject } from '../../archive/data-object.ts';
import { withInnerAt, withInnerOf } from '../../archive/holdings/inner-segments.ts';
import { formatLost } from '../../archive/holdings/lost-records.ts';
import { formatSidecarName } from '../../archive/format/object-names.ts';
import type { LocalSegments } from '../../archive/search/searched-segments.ts';
import type { DataObject, Sidecar } from '../../archive/format/sidecar.ts';
import {
  type Damaged,
  type LaneRange,
  lostRecords,
  notAmong,
  withoutDamaged,
} from '../../archive/holdings/without-damaged.ts';
import { firstOfEach, type LoggedFork } from '../../record/fork.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { SegmentUse } from './cover.ts';
import type { FoldFile, FoldInput } from '../fold/points-view.ts';
import { timesSetBack } from '../fold/set-back.ts';
import { type Selection, selectSegments, unconfirmedLanes } from './plan.ts';

export interface TrustOptions {
  readonly store: ObjectStore;
  /** With the segments of `local` among its objects. */
  readonly catalog: Catalog;
  readonly local: LocalSegments;
  readonly asOfMs: number;
  readonly allowHoles: boolean;
  readonly isOnlyConfirmed: boolean;
  /** Called as segments are checked: so many bytes more, and which share of what is to be checked is, 0 to 1, by its records. */
  readonly onChecked: (bytes: number, share: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** Looks for what else has the records of segments that are damaged, beside the repository; undefined where there is nothing beside it. */
  readonly readWithout?:
    | ((damaged: Damaged) => Promise<Pick<TrustOptions, 'catalog' | 'local'>>)
    | undefined;
}

/** What a restore reads; every byte of it is what was written. */
export interface TrustedSegments {
  readonly selection: Selection;
  readonly input: FoldInput;
  /** What the log went back to, each once, in the order in which that was said. */
  readonly forks: readonly LoggedFork[];
  /** The same of what was said after the moment that is restored to only, of moments before it: some of what is restored was undone then. */
  readonly laterForks: readonly LoggedFork[];
  /** All that what was read says to be undone, whenever it was said. */
  readonly knownForks: readonly LoggedFork[];
  readonly bypassFiles: readonly string[];
  /** Segments that can't be trusted and are done without, and why. */
  readonly damaged: Damaged;
  /** Records that only these had. */
  readonly lost: readonly LaneRange[];
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Reads sidecars and checks data objects; what is damaged is left out and others are chosen in its place, until all that is
 * chosen is whole: first what else the repository has, then what a log or a topic has. Throws REPOSITORY_DAMAGED when the target
 * time can't be had without what is damaged. Call it with a moment that the whole repository can reach.
 */
export async function readTrustedSegments(options: TrustOptions): Promise<TrustedSegments> {
  const { store, asOfMs, allowHoles, readWithout } = options;
  const known = { checked: new Map<string, CheckedSegment>(), damaged: new Map<string, string>() };
  const { checked, damaged } = known;
  let { catalog, local } = options;
  let readWithoutSize = 0;
  for (;;) {
    const unusable = notAmong(damaged, local);
    // In place of what is damaged, and at the time, smaller ones are wanted.
    catalog = await withInnerAt(store, await withInnerOf(store, catalog, unusable), asOfMs);
    const rest = withoutDamaged(catalog, unusable);
    const selection = selectSegments(rest, asOfMs, { allowHoles });
    const isReachable = selection.check.kind === 'reachable';
    const size = damaged.size;
    if (isReachable) await checkAll(options, local, selection, known);
    if (damaged.size > size) continue;
    const lost = lostRecords(rest);
    if (lost.length > 0 && readWithout !== undefined && size > readWithoutSize) {
      ({ catalog, local } = await readWithout(new Map(damaged)));
      readWithoutSize = size;
    } else if (isReachable) {
      return { ...assemble(options, rest, selection, checked), damaged, lost };
    } else {
      const { nearestBefore } = selection.check;
      throw refused({ damaged, lost, nearestBefore, hasTail: readWithout !== undefined });
    }
  }
}

async function checkAll(
  options: TrustOptions,
  local: LocalSegments,
  { lanes }: Selection,
  known: Known,
): Promise<void> {
  const among = { ...options, local };
  const covers = [...lanes.values()];
  const total = recordsOf(covers.flatMap(({ points, later }) => [...points, ...later]));
  let done = 0;
  const take = async (use: SegmentUse, isNeeded: boolean): Promise<void> => {
    options.signal?.throwIfAborted();
    const bytes = await check(among, use, { ...known, isNeeded });
    done += recordsOf([use]);
    options.onChecked(bytes, done / total);
  };
  for (const { points, later } of covers) {
    for (const use of points) await take(use, true);
    for (const use of later) await take(use, false);
  }
}

function recordsOf(uses: readonly SegmentUse[]): number {
  return uses.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0);
}

/** A segment whose sidecar is whole, and the path of its data once these were checked. */
interface CheckedSegment {
  readonly sidecar: Sidecar;
  readonly path: string | undefined;
}

interface Known {
  readonly checked: Map<string, CheckedSegment>;
  readonly damaged: Map<string, string>;
}

/** Resolves to how many bytes of data it read and found whole. */
async function check(
  options: TrustOptions,
  use: SegmentUse,
  /** `isNeeded`: its points are wanted; otherwise only its outcomes, if there are any. */
  known: Known & { readonly isNeeded: boolean },
): Promise<number> {
  const name = formatSidecarName(use.segment);
  const local = options.local.get(name);
  if (local !== undefined) {
    known.checked.set(name, local);
    return 0;
  }
  const before = known.checked.get(name);
  if (known.damaged.has(name) || before?.path !== undefined) return 0;
  try {
    const sidecar = before?.sidecar ?? (await readSidecar(options.store, use.segment));
    if (sidecar === undefined) {
      known.damaged.set(name, `${name} is gone`);
      return 0;
    }
    const isRead = sidecar.data !== null && (known.isNeeded || sidecar.refused > 0);
    const path =
      isRead && sidecar.data !== null ? await checkData(options, sidecar.data) : undefined;
    known.checked.set(name, { sidecar, path });
    return path === undefined ? 0 : (sidecar.data?.bytes ?? 0);
  } catch (error) {
    const isDamage = error instanceof WalError && error.code === 'REPOSITORY_DAMAGED';
    if (!isDamage) throw error;
    known.damaged.set(name, error.message);
    return 0;
  }
}

async function checkData({ store, signal }: TrustOptions, data: DataObject): Promise<string> {
  const checked = await checkDataObject(store, data, signal);
  if (checked.kind !== 'whole') throw new WalError('REPOSITORY_DAMAGED', checked.reason);
  return checked.path;
}

function assemble(
  { asOfMs, isOnlyConfirmed }: TrustOptions,
  catalog: Catalog,
  selection: Selection,
  checked: ReadonlyMap<string, CheckedSegment>,
): Omit<TrustedSegments, 'damaged' | 'lost'> {
  const files: FoldFile[] = [];
  const outcomeFiles = new Set<string>();
  const bypassFiles: string[] = [];
  const said: LoggedFork[] = [];
  const newest = new Map<string, string>();
  let bytes = 0;
  const take = (use: SegmentUse): CheckedSegment | undefined => {
    const segment = checked.get(formatSidecarName(use.segment));
    const { sidecar, path } = segment ?? {};
    said.push(...(sidecar?.forks ?? []));
    if (typeof sidecar?.confirmed === 'string') newest.set(use.segment.lane, sidecar.confirmed);
    if (path === undefined || sidecar === undefined) return undefined;
    bytes += sidecar.data?.bytes ?? 0;
    if (sidecar.refused > 0) outcomeFiles.add(path);
    return segment;
  };
  for (const { points, later } of selection.lanes.values()) {
    for (const use of points) {
      const { sidecar, path } = take(use) ?? {};
      if (sidecar === undefined || path === undefined) continue;
      if (sidecar.bypasses > 0) bypassFiles.push(path);
      const { firstSeq, lastSeq, segment } = use;
      const isWhole = firstSeq === segment.firstSeq && lastSeq === segment.lastSeq;
      files.push({ path, only: isWhole ? undefined : { firstSeq, lastSeq } });
    }
    for (const use of later) take(use);
  }
  const begins = new Map([...catalog.lanes].map(([lane, { begin }]) => [lane, begin]));
  const unconfirmed = unconfirmedLanes(begins, newest);
  const all = firstOfEach(said);
  const forks = all.filter(({ receivedAt }) => receivedAt <= asOfMs);
  const laterForks = all.filter(({ at, receivedAt }) => receivedAt > asOfMs && at < asOfMs);
  return {
    selection,
    input: {
      files,
      outcomeFiles: [...outcomeFiles],
      throughMs: asOfMs,
      undone: forks.flatMap(({ undone }) => undone),
      setBack: timesSetBack(catalog.lanes),
      unconfirmed,
      isOnlyConfirmed,
    },
    forks,
    laterForks,
    knownForks: all,
    bypassFiles,
    objects: files.length,
    bytes,
  };
}

function refused({
  damaged,
  lost,
  nearestBefore,
  hasTail,
}: {
  readonly damaged: Damaged;
  readonly lost: readonly LaneRange[];
  /** The last moment that can be had without what is damaged. */
  readonly nearestBefore: number | undefined;
  readonly hasTail: boolean;
}): WalError {
  const [first = ['', '']] = damaged;
  const others = damaged.size > 1 ? `, and ${damaged.size - 1} more like it` : '';
  const shown = formatLost(lost);
  const copy = 'Put the objects back from a copy of it';
  const earlier =
    nearestBefore === undefined
      ? 'No time can be had without them'
      : `The nearest time without them is ${formatInstant(nearestBefore)} (--to ${nearestBefore})`;
  return new WalError('REPOSITORY_DAMAGED', `${first[1]}${others}`, {
    context: { damaged: [...damaged.keys()], lost, nearestBefore },
    hint:
      (hasTail
        ? `Nothing that was named, neither the rest of the repository nor a log or a topic, holds records ${shown}. ${copy}. `
        : `Nothing else in the repository holds records ${shown}. ${copy}; or name what may still hold them, the proxy's log by --data or the topic by --kafka: they are taken from there. `) +
      `${earlier}. --allow-holes does without these records. \`tsdb-wal verify\` names all that is damaged.`,
  });
}
