import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Control, Hole } from '../record/control.ts';
import { isClosed, openOf } from '../record/lane-control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { readLines, readRecords, type RecordHeader } from '../record/record.ts';
import { WalError } from '../runtime/errors.ts';
import { parseCursor } from './cursor.ts';
import { dataUnusable } from './data-unusable.ts';
import type { LockHolder } from './directory-lock.ts';
import type { Segment } from './log-files.ts';
import { PublishedLog } from './published-log.ts';
import { type SegmentRead, SegmentReader } from './segment-reader.ts';
import { withoutFiles } from './told-holes.ts';

/** The log of a data directory as it stands, perhaps while another process writes it. */
export interface InspectedLog {
  readonly data: string;
  /** The process that writes it now. Its log is then shown up to the position that it has published. */
  readonly holder: LockHolder | undefined;
  readonly segments: readonly Segment[];
  /** What shows without reading every file: files and ends that are missing. */
  readonly holes: readonly Hole[];
  readonly tornBytes: number;
  readonly strangers: readonly string[];
  readonly cursors: readonly InspectedCursor[];
}

export interface InspectedCursor {
  readonly name: string;
  /** Undefined when the file can't be read. */
  readonly position: Position | undefined;
  readonly recordsBehind: number;
}

export interface InspectedLane {
  readonly lane: string;
  readonly ordinal: number;
  /** What its first record says; undefined when that is gone. */
  readonly open: (Control & { kind: 'open' }) | undefined;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstReceivedAt: number | undefined;
  readonly lastReceivedAt: number | undefined;
  readonly records: number;
  readonly points: number;
  readonly bytes: number;
  readonly files: number;
  readonly ended: 'running' | 'closed' | 'write failed' | 'clock leap' | 'unclean';
}

/** What one record says, or which ones can't be read. */
export type InspectedRecord =
  | (RecordHeader & {
      readonly kind: 'record';
      readonly lane: string;
      readonly ordinal: number;
      readonly lines: readonly string[];
    })
  | { readonly kind: 'hole'; readonly hole: Hole };

export interface RecordFilter {
  /** Receive times, epoch ms: from inclusive, to exclusive. */
  readonly from: number;
  readonly to: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** How the lane's id begins. */
  readonly lane: string;
}

/** Changes nothing on the disk. */
export async function inspectLog(data: string): Promise<InspectedLog> {
  try {
    const { holder, segments, holes, tornBytes, strangers } = await PublishedLog.open(data);
    const cursors = await readCursors(join(data, 'cursors'), segments);
    return { data, holder, segments, holes, tornBytes, strangers, cursors };
  } catch (cause) {
    if (cause instanceof WalError) throw cause;
    const hint =
      'Name the data directory of a proxy, as --data does for `start`; with workers one of theirs, DATA/worker-1.';
    throw dataUnusable(join(data, 'wal'), cause, hint);
  }
}

/** Reads every file whole, in bounded memory; `holes`: also those that earlier starts have told. */
export async function inspectLanes(
  log: InspectedLog,
): Promise<{ lanes: InspectedLane[]; holes: Hole[] }> {
  const lanes: InspectedLane[] = [];
  const holes = new Map(log.holes.map((hole) => [rangeOf(hole), hole]));
  for (const segment of log.segments) {
    const before = lanes.at(-1)?.lane === segment.lane ? lanes.pop() : undefined;
    let lane = before ?? emptyLane(segment);
    lane = { ...lane, files: lane.files + 1, bytes: lane.bytes + segment.bytes };
    for await (const read of readSegment(segment)) {
      if (read.kind === 'frame') lane = withFrame(lane, read);
      else if (!holes.has(rangeOf(read.hole))) holes.set(rangeOf(read.hole), read.hole);
    }
    lanes.push({ ...lane, lastSeq: Math.max(lane.lastSeq, segment.lastSeq) });
  }
  for (const [index, lane] of lanes.entries()) {
    lanes[index] = { ...lane, ended: endOf(lane, lanes[index + 1], log.holder) };
  }
  const told = lanes.flatMap(({ open }) => open?.holes ?? []);
  for (const hole of withoutFiles(told, log.segments)) holes.set(rangeOf(hole), hole);
  return { lanes, holes: [...holes.values()] };
}

/** The records that the filter lets through, in log order, with the holes met while looking; then the other holes. */
export async function* inspectRecords(
  log: InspectedLog,
  filter: RecordFilter,
): AsyncGenerator<InspectedRecord> {
  const told = new Set<string>();
  for (const [index, segment] of log.segments.entries()) {
    if (!mayHold(segment, log.segments[index + 1], filter)) continue;
    for await (const read of readSegment(segment)) {
      if (read.kind === 'frame') yield* recordsOf(segment, read, filter);
      else {
        told.add(rangeOf(read.hole));
        yield read;
      }
    }
  }
  for (const hole of log.holes) if (!told.has(rangeOf(hole))) yield { kind: 'hole', hole };
}

type Frame = SegmentRead & { kind: 'frame' };

/** The frames of a file up to its last durable record, and its holes. */
async function* readSegment(
  segment: Segment,
): AsyncGenerator<Frame | { kind: 'hole'; hole: Hole }> {
  const { lane, lastSeq } = segment;
  const reader = await SegmentReader.open(segment.path);
  try {
    while (reader.nextSeq <= lastSeq) {
      const from = reader.nextSeq;
      const read = await reader.next();
      if (read.kind === 'frame') {
        yield read;
      } else {
        const to = read.kind === 'end' ? lastSeq : Math.min(read.to, lastSeq);
        const reason = read.kind === 'end' ? 'missing from the log' : read.reason;
        yield { kind: 'hole', hole: { lane, from, to, reason } };
        if (read.kind === 'end') return;
      }
    }
  } finally {
    await reader.close();
  }
}

function* recordsOf(
  { lane, ordinal }: Segment,
  { header, body }: Frame,
  filter: RecordFilter,
): Generator<InspectedRecord> {
  if (header.lastReceivedAt < filter.from || header.firstReceivedAt >= filter.to) return;
  for (const record of readRecords(body)) {
    const { seq, receivedAt, transport, source } = record;
    if (receivedAt < filter.from || receivedAt >= filter.to) continue;
    if (seq < filter.firstSeq || seq > filter.lastSeq) continue;
    const lines = [...readLines(body, record)];
    yield { kind: 'record', lane, ordinal, seq, receivedAt, transport, source, lines };
  }
}

/** Receive times never go back within a lane, so the next file of the lane bounds those of this one. */
function mayHold(segment: Segment, next: Segment | undefined, filter: RecordFilter): boolean {
  if (!segment.lane.startsWith(filter.lane)) return false;
  if (segment.lastSeq < filter.firstSeq || segment.firstSeq > filter.lastSeq) return false;
  return next?.lane !== segment.lane || next.createdAt >= filter.from;
}

function emptyLane({ lane, ordinal, firstSeq }: Segment): InspectedLane {
  return {
    lane,
    ordinal,
    open: undefined,
    firstSeq,
    lastSeq: firstSeq - 1,
    firstReceivedAt: undefined,
    lastReceivedAt: undefined,
    records: 0,
    points: 0,
    bytes: 0,
    files: 0,
    ended: 'unclean',
  };
}

function withFrame(lane: InspectedLane, { header, body }: Frame): InspectedLane {
  const isFirst = header.firstSeq === 1;
  return {
    ...lane,
    open: isFirst ? openOf(body) : lane.open,
    firstReceivedAt: lane.firstReceivedAt ?? header.firstReceivedAt,
    lastReceivedAt: header.lastReceivedAt,
    records: lane.records + header.records,
    points: lane.points + header.mutations,
    ended: isClosed(body) ? 'closed' : 'unclean',
  };
}

function endOf(
  lane: InspectedLane,
  next: InspectedLane | undefined,
  holder: LockHolder | undefined,
): InspectedLane['ended'] {
  if (next === undefined && holder !== undefined) return 'running';
  const reason = next?.open?.reason;
  return lane.ended === 'unclean' && reason !== undefined && reason !== 'start'
    ? reason
    : lane.ended;
}

async function readCursors(
  folder: string,
  segments: readonly Segment[],
): Promise<InspectedCursor[]> {
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => /^[^.].*\.json$/.test(name))
    .toSorted();
  return Promise.all(
    names.map(async (file) => {
      const name = file.slice(0, -'.json'.length);
      const position = await readCursor(join(folder, file));
      return { name, position, recordsBehind: recordsAfter(segments, position) };
    }),
  );
}

async function readCursor(path: string): Promise<Position | undefined> {
  try {
    return parseCursor(await readFile(path, 'utf8'), path);
  } catch {
    // Shown as unreadable: the summary goes on with the others.
    return undefined;
  }
}

function recordsAfter(segments: readonly Segment[], position: Position | undefined): number {
  let records = 0;
  for (const { lane, ordinal, firstSeq, lastSeq } of segments) {
    const from = { lane, ordinal, seq: firstSeq };
    const isLater = position === undefined || comparePositions(from, position) > 0;
    if (isLater) records += lastSeq - firstSeq + 1;
    else if (ordinal === position.ordinal) records += Math.max(0, lastSeq - position.seq);
  }
  return records;
}

function rangeOf({ lane, from, to }: Hole): string {
  return `${lane}/${from}-${to}`;
}
