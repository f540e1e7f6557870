import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Hole } from '../record/control.ts';
import { isClosed } from '../record/lane-control.ts';
import { type DurableMark, parseDurableMark } from './durable-mark.ts';
import { parseSegmentName, type SegmentLink } from './segment-file.ts';
import { SegmentReader } from './segment-reader.ts';

/** One file of the log. */
export interface Segment {
  readonly path: string;
  readonly lane: string;
  readonly ordinal: number;
  readonly firstSeq: number;
  /** The last record that the file holds, or held before it was damaged. */
  readonly lastSeq: number;
  readonly createdAt: number;
  readonly bytes: number;
  /** The file that was written before this one, as its header names it; unknown when that is damaged. */
  readonly previous: SegmentLink | undefined;
}

/** A file by its header alone. */
export type FoundFile = Omit<Segment, 'lastSeq'>;

export interface ListedFiles {
  /** In log order. */
  readonly files: readonly FoundFile[];
  /** Files named like segments whose content belongs elsewhere, as copies and renamed ones: left alone. */
  readonly strangers: readonly string[];
}

export interface ListOptions {
  /** Whether to remove files that were never begun. */
  readonly repair: boolean;
  /** Files that were looked at before, by name: they aren't opened again. New ones are added, but for the newest. */
  readonly headers?: Map<string, FoundFile>;
}

export async function listFiles(
  directory: string,
  { repair, headers = new Map() }: ListOptions,
): Promise<ListedFiles> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const present = new Set(names);
  const files: FoundFile[] = [];
  const strangers: string[] = [];
  for (const name of names.toSorted()) {
    const id = parseSegmentName(name);
    if (id === undefined) continue;
    const path = join(directory, name);
    const found = headers.get(name) ?? (await lookAt(path, id));
    if (found === 'unused') {
      // A crash while the file was being made: its header never became durable, so nothing was acknowledged from it.
      if (repair) await rm(path);
    } else if (found === 'stranger') strangers.push(name);
    else if (found !== 'gone') files.push(found);
  }
  for (const name of headers.keys()) if (!present.has(name)) headers.delete(name);
  for (const file of files.slice(0, -1)) headers.set(basename(file.path), file);
  return { files, strangers };
}

async function lookAt(
  path: string,
  id: { readonly ordinal: number; readonly lane: string; readonly firstSeq: number },
): Promise<FoundFile | 'unused' | 'stranger' | 'gone'> {
  const reader = await SegmentReader.openIfThere(path);
  if (reader === undefined) return 'gone';
  try {
    const { header } = reader;
    const { size, birthtimeMs } = await reader.stat();
    if (header === undefined) {
      const read = await reader.next();
      if (read.kind === 'end' && read.tornBytes === 0) return 'unused';
      return { path, ...id, createdAt: Math.floor(birthtimeMs), previous: undefined, bytes: size };
    }
    const isOwn =
      header.lane === id.lane && header.ordinal === id.ordinal && header.firstSeq === id.firstSeq;
    if (!isOwn) return 'stranger';
    return { path, ...id, createdAt: header.createdAt, previous: header.previous, bytes: size };
  } finally {
    await reader.close();
  }
}

/** Where a file ends whose successor doesn't tell. */
export interface FileEnd {
  readonly lastSeq: number;
  readonly tornBytes: number;
  /** What of it can't be read. */
  readonly holes: readonly Hole[];
}

export interface JoinedFiles {
  readonly segments: Segment[];
  readonly holes: Hole[];
  /** What a failed start or roll left behind: nothing was acknowledged from it. */
  readonly unused: readonly FoundFile[];
}

/**
 * Makes a log of its files: finds each file's last record, by the header of the one after it; `endOf` is asked for the newest, and for those that
 * the one after them doesn't name. Files that are missing are holes.
 */
export async function joinFiles(
  files: readonly FoundFile[],
  endOf: (file: FoundFile, isNewest: boolean) => Promise<FileEnd>,
): Promise<JoinedFiles> {
  const segments: Segment[] = [];
  const holes: Hole[] = [];
  const unused: FoundFile[] = [];
  for (const [index, file] of files.entries()) {
    const link = files[index + 1]?.previous;
    if (link !== undefined && isNamed(file, link)) {
      segments.push({ ...file, lastSeq: link.lastSeq });
      continue;
    }
    const isNewest = index === files.length - 1;
    const end = await endOf(file, isNewest);
    holes.push(...end.holes);
    const isEmpty = end.lastSeq < file.firstSeq && end.tornBytes === 0;
    if (isEmpty && !isNewest && link !== undefined) unused.push(file);
    else segments.push({ ...file, lastSeq: end.lastSeq });
    const isMissing = link !== undefined && !files.some((known) => isNamed(known, link));
    if (isMissing) holes.push(...missingFile(link, file, end.lastSeq));
  }
  return { segments, holes, unused };
}

function isNamed(file: FoundFile, link: SegmentLink): boolean {
  return file.lane === link.lane && file.firstSeq === link.firstSeq;
}

/** The file that `link` names isn't there; what stands before it in the list is `before`. */
function missingFile(link: SegmentLink, before: FoundFile, lastSeq: number): Hole[] {
  // No file of its lane is here, though one of an older lane is: so none was expired.
  const from = link.lane === before.lane ? lastSeq + 1 : 1;
  if (link.lastSeq < from) return [];
  return [{ lane: link.lane, from, to: link.lastSeq, reason: 'a file of the log is missing' }];
}

export interface Scan extends FileEnd {
  readonly endOffset: number;
  readonly closed: boolean;
  /** Of the last record, epoch ms; without one, when the file was made. */
  readonly lastReceivedAt: number;
}

/** Reads a file whole. */
export async function scanToEnd({ path, lane, createdAt }: FoundFile): Promise<Scan> {
  const reader = await SegmentReader.open(path);
  const holes: Hole[] = [];
  let closed = false;
  let lastReceivedAt = createdAt;
  try {
    for (;;) {
      const read = await reader.next();
      if (read.kind === 'frame') {
        closed = isClosed(read.body);
        ({ lastReceivedAt } = read.header);
      } else if (read.kind === 'damage') {
        holes.push({ lane, from: read.from, to: read.to, reason: read.reason });
      } else {
        const { tornBytes, offset: endOffset } = read;
        const lastSeq = reader.nextSeq - 1;
        return { lastSeq, endOffset, tornBytes, holes, closed, lastReceivedAt };
      }
    }
  } finally {
    await reader.close();
  }
}

/** Undefined when there is none that is whole. */
export async function readMark(directory: string): Promise<DurableMark | undefined> {
  const path = join(directory, 'durable');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const mark = parseDurableMark(await readFile(path, 'latin1').catch(() => ''));
    if (mark !== undefined) return mark;
  }
  return undefined;
}
