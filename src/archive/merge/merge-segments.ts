import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, WalError } from '../../runtime/errors.ts';
import { readSidecar } from '../holdings/catalog.ts';
import { commitSegment } from '../write/commit-segment.ts';
import { checkDataObject, measureFile } from '../data-object.ts';
import type { Duckdb } from '../duckdb.ts';
import type { Merge } from './merge-plan.ts';
import { partsFault, sumSidecars } from './merged-sidecar.ts';
import { formatDataName, formatSidecarName, type SegmentName } from '../format/object-names.ts';
import type { Repository } from '../repository.ts';
import { digestQuery, type MergeManner, mergeSegmentsStatement } from '../format/segment-table.ts';
import type { DataObject, Sidecar } from '../format/sidecar.ts';

export interface MergeTools {
  readonly repository: Repository;
  /** Opens it when it is needed first. */
  readonly duckdb: () => Promise<Duckdb>;
  /** For the merged file, until it is in the repository. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export type MergeOutcome =
  /** It is committed, by this call or by someone else. */
  | { readonly kind: 'merged'; readonly sidecar: Sidecar; readonly isOwn: boolean }
  /** A segment is gone since it was listed. */
  | { readonly kind: 'gone' }
  /** Nothing is merged until that is mended. */
  | { readonly kind: 'blocked'; readonly object: string; readonly reason: string };

const LIMITS = {
  rowsMax: 1_000_000_000,
  /** A sort takes 130 bytes of the disk for each. */
  sortedRowsMax: 20_000_000,
  /** Packing them well takes five seconds of a processor for a million. */
  packedRowsMax: 100_000_000,
} as const;

/**
 * Makes one segment of several. Every byte of these is checked before, and the rows of the merged file are compared
 * with theirs after, so that it can stand for them. Rejects on a fault of the disk or the repository, and when
 * the signal aborts; then nothing of it counts.
 *
 * Order: sidecars, checks of data, merged file, its check; then as each segment is committed. A crash before the sidecar
 * leaves at most a data object that means nothing.
 */
export async function mergeSegments(
  merge: Merge,
  tools: MergeTools,
  of: Pick<Sidecar, 'createdAt' | 'writer'>,
): Promise<MergeOutcome> {
  const { segment } = merge;
  try {
    const present = await readSidecar(tools.repository.store, segment);
    if (present !== undefined) return { kind: 'merged', sidecar: present, isOwn: false };
    const parts = await readParts(merge, tools);
    if (!Array.isArray(parts)) return parts;
    const fault = partsFault(segment, parts) ?? sizeFault(parts);
    if (fault !== undefined) return blocked(formatSidecarName(segment), fault);
    const files = await checkData(parts, tools);
    if (!Array.isArray(files)) return files;
    return await mergeFiles(segment, { parts, files }, tools, of);
  } catch (error) {
    if (!(error instanceof WalError) || !IS_OF_OBJECTS.has(error.code)) throw error;
    return blocked(formatSidecarName(segment), error.message);
  }
}

const IS_OF_OBJECTS: ReadonlySet<string> = new Set(['REPOSITORY_DAMAGED', 'REPOSITORY_CONFLICT']);

async function readParts(
  { inputs }: Merge,
  { repository, signal }: MergeTools,
): Promise<Sidecar[] | MergeOutcome> {
  const parts: Sidecar[] = [];
  for (const input of inputs) {
    signal.throwIfAborted();
    const sidecar = await readPart(repository, input);
    if (sidecar === undefined) return { kind: 'gone' };
    if ('kind' in sidecar) return sidecar;
    parts.push(sidecar);
  }
  return parts;
}

async function readPart(
  { store }: Repository,
  input: SegmentName,
): Promise<Sidecar | MergeOutcome | undefined> {
  try {
    return await readSidecar(store, input);
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return blocked(formatSidecarName(input), error.message);
  }
}

/** Local files with the data of the parts that have any. */
async function checkData(
  parts: readonly Sidecar[],
  { repository, signal }: MergeTools,
): Promise<string[] | MergeOutcome> {
  const files: string[] = [];
  for (const { data } of parts) {
    if (data === null) continue;
    const found = await checkDataObject(repository.store, data, signal);
    if (found.kind !== 'whole') return blocked(data.object, found.reason);
    files.push(found.path);
  }
  return files;
}

async function mergeFiles(
  segment: SegmentName,
  { parts, files }: { readonly parts: readonly Sidecar[]; readonly files: readonly string[] },
  tools: MergeTools,
  of: Pick<Sidecar, 'createdAt' | 'writer'>,
): Promise<MergeOutcome> {
  const sum = sumSidecars(segment, parts, of);
  const path = join(tools.folder, `${randomBytes(8).toString('hex')}.parquet`);
  try {
    const data = await writeMerged(segment, { parts, files }, { ...tools, path });
    if (typeof data === 'string') return blocked(formatSidecarName(segment), data);
    const own = { ...sum, data };
    const commit = { sidecar: own, path: data === null ? undefined : path };
    const sidecar = await commitSegment(tools.repository, commit);
    return { kind: 'merged', sidecar, isOwn: sidecar === own };
  } finally {
    await rm(path, { force: true });
  }
}

/** What the sidecar says of the file; or why there is none. */
async function writeMerged(
  segment: SegmentName,
  { parts, files }: { readonly parts: readonly Sidecar[]; readonly files: readonly string[] },
  { duckdb: open, path, signal }: MergeTools & { readonly path: string },
): Promise<DataObject | null | string> {
  if (files.length === 0) return null;
  const duckdb = await open();
  const before = await digestOf(duckdb, files, signal);
  const rows = rowsOf(parts);
  if (before.rows !== rows)
    return `the segments in it have ${before.rows} rows, and say that they have ${rows}`;
  signal.throwIfAborted();
  await duckdb.run(mergeSegmentsStatement(files, path, mannerOf(segment, rows)));
  const after = await digestOf(duckdb, [path], signal);
  assert(
    after.rows === before.rows && after.digest === before.digest,
    'a merged segment has the rows of its parts',
  );
  const object = formatDataName(segment, randomBytes(4).toString('hex'));
  return { object, ...(await measureFile(path)), rows };
}

async function digestOf(
  duckdb: Duckdb,
  files: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly rows: number; readonly digest: string }> {
  signal.throwIfAborted();
  const [row] = await duckdb.rows(digestQuery(files));
  return { rows: Number(row?.['rows']), digest: String(row?.['digest']) };
}

function sizeFault(parts: readonly Sidecar[]): string | undefined {
  const rows = rowsOf(parts);
  return rows > LIMITS.rowsMax
    ? `it would have ${rows} rows, and more than ${LIMITS.rowsMax} are not merged`
    : undefined;
}

/** A day is its hours, one after the other: nothing is sorted again, and a reader of one metric skips most of each. */
function mannerOf({ level }: SegmentName, rows: number): MergeManner {
  return {
    isSorted: level === 'hour' && rows <= LIMITS.sortedRowsMax,
    compressionLevel: level === 'day' && rows <= LIMITS.packedRowsMax ? 19 : 9,
  };
}

function rowsOf(parts: readonly Sidecar[]): number {
  return parts.reduce((sum, { data }) => sum + (data?.rows ?? 0), 0);
}

function blocked(object: string, reason: string): MergeOutcome {
  return { kind: 'blocked', object, reason };
}
