import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import { furthestClaims, lostTail, type Claim } from './claim.ts';
import { type DurableMark, parseDurableMark } from './durable-mark.ts';
import { parseSegmentName, SEGMENT_HEADER_BYTES, type SegmentLink } from './segment-file.ts';
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

/** What a start finds in the directory of the log. */
export interface RecoveredLog {
  /** In log order. */
  readonly segments: readonly Segment[];
  /** What is missing or unreadable, as far as headers, the newest file and those who know tell. */
  readonly holes: readonly Hole[];
  /** Up to where the log went, also when its end is gone: the link for the next file to name. */
  readonly end: (SegmentLink & { readonly ordinal: number; readonly closed: boolean }) | undefined;
  /** Bytes of a last, unfinished write that were cut off. */
  readonly tornBytes: number;
  /** What the writing process published last. */
  readonly mark: DurableMark | undefined;
  /** Files named like segments whose content belongs elsewhere, as copies and renamed ones: left alone. */
  readonly strangers: readonly string[];
}

export interface RecoverOptions {
  /** Whether to cut the torn tail and remove files that were never begun; else nothing is written. */
  readonly repair: boolean;
  /** Positions that others, as cursors, have already been given: the log must have reached them. */
  readonly known?: readonly Position[];
}

/**
 * Lists the log and settles its end. Older files are judged by their headers, which name their
 * predecessors; damage inside them shows when they are read. The newest is read whole, and its torn tail
 * cut off. What the durable mark or `known` tell of a later end than the one found is a hole, and part of
 * the link that the next file names: so every later start and reader finds it again.
 */
export async function recoverLog(
  directory: string,
  options: RecoverOptions,
): Promise<RecoveredLog> {
  // Before the files: while another process writes the log, its end moves on.
  const mark = await readMark(directory);
  const { files, strangers } = await listFiles(directory, options.repair);
  const segments: Segment[] = [];
  const holes: Hole[] = [];
  let tail: Scan | undefined;
  for (const [index, file] of files.entries()) {
    const link = files[index + 1]?.previous;
    if (link !== undefined && isNamed(file, link)) {
      segments.push({ ...file, lastSeq: link.lastSeq });
      continue;
    }
    const scan = await scanToEnd(file);
    holes.push(...scan.holes);
    const isNewest = index === files.length - 1;
    if (isNewest) tail = scan;
    const isEmpty = scan.lastSeq < file.firstSeq && scan.tornBytes === 0;
    // The lane that a failed start or roll left behind: nothing was acknowledged from it.
    if (isEmpty && !isNewest && link !== undefined) {
      if (options.repair) await rm(file.path, { force: true });
    } else segments.push({ ...file, lastSeq: scan.lastSeq });
    const isMissing = link !== undefined && !files.some((known) => isNamed(known, link));
    if (isMissing) holes.push(...missingFile(link, file, scan.lastSeq));
  }
  const newest = segments.at(-1);
  let beyond: Claim | undefined;
  for (const claim of furthestClaims([...markClaim(mark), ...claimsOf(options.known)])) {
    const lost = lostTail(claim, newest);
    if (lost === undefined) continue;
    holes.push(lost);
    beyond = claim;
  }
  const end = settleEnd(segments, beyond, tail);
  if (options.repair && tail !== undefined) await settleTail(segments, tail, beyond !== undefined);
  return { segments, holes, end, tornBytes: tail?.tornBytes ?? 0, mark, strangers };
}

type FoundFile = Omit<Segment, 'lastSeq'>;

async function listFiles(
  directory: string,
  repair: boolean,
): Promise<{ files: FoundFile[]; strangers: string[] }> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const files: FoundFile[] = [];
  const strangers: string[] = [];
  for (const name of names.toSorted()) {
    const id = parseSegmentName(name);
    if (id === undefined) continue;
    const path = join(directory, name);
    const found = await lookAt(path, id);
    if (found === 'unused') {
      // A crash while the file was being made: its header never became durable, so nothing was acknowledged from it.
      if (repair) await rm(path);
    } else if (found === 'stranger') strangers.push(name);
    else if (found !== 'gone') files.push(found);
  }
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
    const { size, birthtimeMs } = await stat(path);
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

interface Scan {
  readonly lastSeq: number;
  readonly endOffset: number;
  readonly tornBytes: number;
  readonly holes: readonly Hole[];
  readonly closed: boolean;
}

async function scanToEnd(file: FoundFile): Promise<Scan> {
  const reader = await SegmentReader.open(file.path);
  const { lane } = file;
  const holes: Hole[] = [];
  let closed = false;
  try {
    for (;;) {
      const read = await reader.next();
      if (read.kind === 'frame') {
        closed = read.body.includes('\n!close ');
      } else if (read.kind === 'damage') {
        holes.push({ lane, from: read.from, to: read.to, reason: read.reason });
      } else {
        const { tornBytes, offset: endOffset } = read;
        return { lastSeq: reader.nextSeq - 1, endOffset, tornBytes, holes, closed };
      }
    }
  } finally {
    await reader.close();
  }
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

async function readMark(directory: string): Promise<DurableMark | undefined> {
  const path = join(directory, 'durable');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const mark = parseDurableMark(await readFile(path, 'latin1').catch(() => ''));
    if (mark !== undefined) return mark;
  }
  return undefined;
}

function markClaim(mark: DurableMark | undefined): Claim[] {
  if (mark === undefined) return [];
  const { lane, ordinal, segmentFirstSeq: firstSeq, seq } = mark;
  return [{ lane, ordinal, firstSeq, seq }];
}

function claimsOf(known: readonly Position[] = []): Claim[] {
  return known.map(({ lane, ordinal, seq }) => ({ lane, ordinal, firstSeq: 1, seq }));
}

/** Where the log ends. With a claim beyond it the last file counts as having held what is lost. */
function settleEnd(
  segments: Segment[],
  claim: Claim | undefined,
  tail: Scan | undefined,
): RecoveredLog['end'] {
  const last = segments.at(-1);
  const closed = tail?.closed ?? false;
  if (claim === undefined) {
    if (last === undefined) return undefined;
    const { lane, ordinal, firstSeq, lastSeq } = last;
    return { lane, ordinal, firstSeq, lastSeq, closed };
  }
  const { lane, ordinal, seq } = claim;
  const isInLast = last?.lane === lane && claim.firstSeq <= last.firstSeq;
  if (isInLast) segments[segments.length - 1] = { ...last, lastSeq: seq };
  const firstSeq = isInLast ? last.firstSeq : claim.firstSeq;
  return { lane, ordinal, firstSeq, lastSeq: seq, closed: false };
}

/**
 * Cuts what stands behind the last intact frame, and makes sure that what was read is on the disk: it may
 * so far be in memory only, written by a process that was killed. Bytes that were durable once are kept.
 */
async function settleTail(segments: Segment[], tail: Scan, isDamaged: boolean): Promise<void> {
  const last = segments.at(-1);
  if (last === undefined) return;
  const file = await open(last.path, 'r+');
  const keptBytes = Math.max(SEGMENT_HEADER_BYTES, tail.endOffset);
  try {
    if (!isDamaged && keptBytes < last.bytes) {
      await file.truncate(keptBytes);
      segments[segments.length - 1] = { ...last, bytes: keptBytes };
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
