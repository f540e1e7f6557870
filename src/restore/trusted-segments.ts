import { type Catalog, readSidecar } from '../archive/catalog.ts';
import { checkDataObject } from '../archive/data-object.ts';
import { ARCHIVE_ANEW } from '../archive/finding.ts';
import { formatSidecarName } from '../archive/object-names.ts';
import type { LocalSegments } from '../archive/searched-segments.ts';
import type { DataObject, Sidecar } from '../archive/sidecar.ts';
import { firstOfEach, type LoggedFork } from '../record/fork.ts';
import { WalError } from '../runtime/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { SegmentUse } from './cover.ts';
import type { FoldFile, FoldInput } from './fold-query.ts';
import { timesSetBack } from './set-back.ts';
import { type Selection, selectSegments, unconfirmedLanes, withoutDamaged } from './plan.ts';

export interface TrustOptions {
  readonly store: ObjectStore;
  /** With the segments of `local` among its objects. */
  readonly catalog: Catalog;
  readonly local: LocalSegments;
  readonly targetMs: number;
  readonly allowHoles: boolean;
  readonly isOnlyConfirmed: boolean;
  /** Called as objects are checked. */
  readonly onChecked: (bytes: number) => void;
}

/** What a restore reads; every byte of it is what was written. */
export interface TrustedSegments {
  readonly selection: Selection;
  readonly input: FoldInput;
  /** What the log went back to, each once, in the order in which that was said. */
  readonly forks: readonly LoggedFork[];
  /** The same of what was said after the target time only, of moments before it: some of what is restored was undone then. */
  readonly laterForks: readonly LoggedFork[];
  readonly bypassFiles: readonly string[];
  /** Segments that can't be trusted and are done without, and why. */
  readonly damaged: ReadonlyMap<string, string>;
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Reads sidecars and checks data objects; what is damaged is left out and others are chosen in its place, until all that is
 * chosen is whole. Throws REPOSITORY_DAMAGED when the target time can't be had without what is damaged. Call it with a
 * target time that the whole repository can reach.
 */
export async function readTrustedSegments(options: TrustOptions): Promise<TrustedSegments> {
  const { catalog, targetMs, allowHoles } = options;
  const damaged = new Map<string, string>();
  const checked = new Map<string, CheckedSegment>();
  for (;;) {
    const rest = withoutDamaged(catalog, new Set(damaged.keys()));
    const selection = selectSegments(rest, targetMs, { allowHoles });
    if (selection.check.kind !== 'reachable') throw unusable(damaged);
    const known = damaged.size;
    for (const { points, later } of selection.lanes.values()) {
      for (const use of points) await check(options, use, { checked, damaged, isNeeded: true });
      for (const use of later) await check(options, use, { checked, damaged, isNeeded: false });
    }
    if (damaged.size === known) return assemble(options, selection, checked, damaged);
  }
}

/** A segment whose sidecar is whole, and the path of its data once these were checked. */
interface CheckedSegment {
  readonly sidecar: Sidecar;
  readonly path: string | undefined;
}

interface Known {
  readonly checked: Map<string, CheckedSegment>;
  readonly damaged: Map<string, string>;
  /** Its points are wanted; otherwise only its outcomes, if there are any. */
  readonly isNeeded: boolean;
}

async function check(options: TrustOptions, use: SegmentUse, known: Known): Promise<void> {
  const name = formatSidecarName(use.segment);
  const local = options.local.get(name);
  if (local !== undefined) {
    known.checked.set(name, local);
    return;
  }
  const before = known.checked.get(name);
  if (known.damaged.has(name) || before?.path !== undefined) return;
  try {
    const sidecar = before?.sidecar ?? (await readSidecar(options.store, use.segment));
    if (sidecar === undefined) {
      known.damaged.set(name, `${name} is gone`);
      return;
    }
    const isRead = sidecar.data !== null && (known.isNeeded || sidecar.refused > 0);
    const path =
      isRead && sidecar.data !== null ? await checkData(options, sidecar.data) : undefined;
    known.checked.set(name, { sidecar, path });
  } catch (error) {
    const isDamage = error instanceof WalError && error.code === 'REPOSITORY_DAMAGED';
    if (!isDamage) throw error;
    known.damaged.set(name, error.message);
  }
}

async function checkData({ store, onChecked }: TrustOptions, data: DataObject): Promise<string> {
  const checked = await checkDataObject(store, data);
  if (checked.kind !== 'whole') throw new WalError('REPOSITORY_DAMAGED', checked.reason);
  onChecked(data.bytes);
  return checked.path;
}

function assemble(
  { catalog, targetMs, isOnlyConfirmed }: TrustOptions,
  selection: Selection,
  checked: ReadonlyMap<string, CheckedSegment>,
  damaged: ReadonlyMap<string, string>,
): TrustedSegments {
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
  const forks = all.filter(({ receivedAt }) => receivedAt <= targetMs);
  const laterForks = all.filter(({ at, receivedAt }) => receivedAt > targetMs && at < targetMs);
  return {
    selection,
    input: {
      files,
      outcomeFiles: [...outcomeFiles],
      throughMs: targetMs,
      undone: forks.flatMap(({ undone }) => undone),
      setBack: timesSetBack(catalog.lanes),
      unconfirmed,
      isOnlyConfirmed,
    },
    forks,
    laterForks,
    bypassFiles,
    damaged,
    objects: files.length,
    bytes,
  };
}

function unusable(damaged: ReadonlyMap<string, string>): WalError {
  const [first = ['', '']] = damaged;
  const others = damaged.size > 1 ? `, and ${damaged.size - 1} more like it` : '';
  return new WalError('REPOSITORY_DAMAGED', `${first[1]}${others}`, {
    context: { damaged: [...damaged.keys()] },
    hint:
      'Nothing else in the repository holds these records. Put the objects back from a copy of it; or, ' +
      `${ARCHIVE_ANEW}. Else choose an earlier time, or --allow-holes to do without them. ` +
      '`tsdb-wal verify` names all that is damaged.',
  });
}
