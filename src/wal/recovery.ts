import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hole } from '../record/control.ts';
import { parseDurableMark } from './durable-mark.ts';
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
}

/** What a start finds in the directory of the log. */
export interface RecoveredLog {
  /** In log order. */
  readonly segments: readonly Segment[];
  /** What is missing or unreadable, as far as headers and the newest file tell. */
  readonly holes: readonly Hole[];
  /** The link for the next file to name; undefined in an empty directory. */
  readonly end: (SegmentLink & { readonly ordinal: number; readonly closed: boolean }) | undefined;
  /** Bytes of a last, unfinished write that were cut off. */
  readonly tornBytes: number;
}

/**
 * Lists the log and settles its end. Older files are judged by their headers, which name their
 * predecessors; the newest is read whole, and its torn tail cut off. With `repair: false` nothing is
 * written.
 */
export async function recoverLog(directory: string, repair: boolean): Promise<RecoveredLog> {
  const files = await listFiles(directory, repair);
  const segments: Segment[] = [];
  const holes: Hole[] = [];
  let tornBytes = 0;
  let closed = false;
  for (const [index, file] of files.entries()) {
    const link = files[index + 1]?.previous;
    if (link !== undefined && isNamed(file, link)) {
      segments.push({ ...file, lastSeq: link.lastSeq });
      continue;
    }
    const scan = await scanToEnd(file.path, file.lane);
    holes.push(...scan.holes);
    segments.push({ ...file, lastSeq: scan.lastSeq });
    const isMissing = link !== undefined && !files.some((known) => isNamed(known, link));
    if (isMissing) holes.push(missingFile(link, file, scan.lastSeq));
    if (index === files.length - 1) {
      ({ tornBytes, closed } = scan);
      if (repair) await cutTail(file.path, scan.endOffset);
    }
  }
  const last = segments.at(-1);
  const lost = await lostTail(directory, last);
  if (lost !== undefined) holes.push(lost);
  return {
    segments,
    holes,
    tornBytes,
    end: last && {
      lane: last.lane,
      ordinal: last.ordinal,
      firstSeq: last.firstSeq,
      lastSeq: last.lastSeq,
      closed,
    },
  };
}

interface FoundFile extends Omit<Segment, 'lastSeq'> {
  readonly previous: SegmentLink | undefined;
}

async function listFiles(directory: string, repair: boolean): Promise<FoundFile[]> {
  const names = (await readdir(directory)).filter((name) => parseSegmentName(name)).toSorted();
  const files: FoundFile[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const id = parseSegmentName(name);
    const reader = await SegmentReader.open(path);
    const unused = reader.header === undefined && (await reader.next()).kind === 'end';
    await reader.close();
    if (unused) {
      // A crash while the file was being made: its header never became durable, so nothing was acknowledged from it.
      if (repair) await rm(path);
      continue;
    }
    if (id === undefined) continue;
    const { size, birthtimeMs } = await stat(path);
    const { createdAt, previous } = reader.header ?? { createdAt: Math.floor(birthtimeMs) };
    files.push({ path, ...id, createdAt, previous, bytes: size });
  }
  return files;
}

interface Scan {
  readonly lastSeq: number;
  readonly endOffset: number;
  readonly tornBytes: number;
  readonly holes: readonly Hole[];
  readonly closed: boolean;
}

async function scanToEnd(path: string, lane: string): Promise<Scan> {
  const reader = await SegmentReader.open(path);
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
function missingFile(link: SegmentLink, before: Segment | FoundFile, lastSeq: number): Hole {
  const from = link.lane === before.lane ? lastSeq + 1 : link.firstSeq;
  return { lane: link.lane, from, to: link.lastSeq, reason: 'a file of the log is missing' };
}

/** What the durable mark says was once durable behind the end that is found now. */
async function lostTail(directory: string, last: Segment | undefined): Promise<Hole | undefined> {
  const text = await readFile(join(directory, 'durable'), 'latin1').catch(() => '');
  const mark = parseDurableMark(text);
  if (mark === undefined || (last !== undefined && mark.ordinal < last.ordinal)) return undefined;
  const from = mark.lane === last?.lane ? last.lastSeq + 1 : mark.segmentFirstSeq;
  const reason = 'the end of the log is gone, though it was once durable';
  return mark.seq < from ? undefined : { lane: mark.lane, from, to: mark.seq, reason };
}

async function cutTail(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
