/**
 * The names of a repository's objects. They carry what the objects cover, so that a listing alone tells what
 * the repository holds; they sort as records do, and everyone who archives a range makes the same name.
 */
export type Level = 'minute' | 'hour' | 'day';

export const LEVELS: readonly Level[] = ['minute', 'hour', 'day'];

/** A run of one lane's records, and the receive times it stands for, epoch ms. */
export interface Span {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** `toMs` of the object before it in the lane; for the lane's first the open record's receive time. */
  readonly fromMs: number;
  /** Receive time of its last record. */
  readonly toMs: number;
}

/** What the name of a segment says; its sidecar and its data object share it. */
export interface SegmentName extends Span {
  readonly lane: string;
  readonly level: Level;
}

export interface HoleName {
  readonly lane: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export type ObjectName =
  | { readonly kind: 'repository' }
  | { readonly kind: 'begin'; readonly lane: string }
  | (HoleName & { readonly kind: 'hole' })
  | { readonly kind: 'retirement'; readonly lane: string; readonly lastSeq: number }
  | (SegmentName & { readonly kind: 'sidecar' })
  | (SegmentName & { readonly kind: 'data'; readonly random: string })
  /** `month` as `2025-03`. */
  | { readonly kind: 'index'; readonly month: string };

export const REPOSITORY_NAME = 'repository.json';

export function formatBeginName(lane: string): string {
  return `lanes/${lane}/begin.json`;
}

export function formatHoleName({ lane, firstSeq, lastSeq }: HoleName): string {
  return `lanes/${lane}/holes/${sequence(firstSeq)}-${sequence(lastSeq)}.json`;
}

export function formatRetirementName(lane: string, lastSeq: number): string {
  return `lanes/${lane}/retired/${sequence(lastSeq)}.json`;
}

/** What names a segment, of an object that may say more of it. */
export function segmentOf({
  lane,
  level,
  firstSeq,
  lastSeq,
  fromMs,
  toMs,
}: SegmentName): SegmentName {
  return { lane, level, firstSeq, lastSeq, fromMs, toMs };
}

/** The sidecar: once it is there, the segment is. */
export function formatSidecarName(segment: SegmentName): string {
  return `${formatStem(segment)}.json`;
}

/** `random`: 8 hex digits, so that two who write the same segment never share a data object. */
export function formatDataName(segment: SegmentName, random: string): string {
  return `${formatStem(segment)}.${random}.parquet`;
}

/** `month` as `2025-03`. */
export function formatIndexName(month: string): string {
  return `index/${month}.json`;
}

/** The month of a time, UTC, as `2025-03`. */
export function monthOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 7);
}

/** When a month is over, epoch ms. */
export function monthEnd(month: string): number {
  const [year, number] = month.split('-').map(Number);
  return Date.UTC(year ?? 0, number ?? 0);
}

/** From one month to another, both included. */
export function* monthsBetween(first: string, last: string): Generator<string> {
  for (let month = first; month <= last; month = monthOf(monthEnd(month))) yield month;
}

/** Where the segments of a lane and level are whose last records were received in that month. */
export function monthFolder(lane: string, level: Level, month: string): string {
  return `lanes/${lane}/${level}/${month.replace('-', '/')}`;
}

/** Undefined for a name that none of the above makes. */
export function parseObjectName(name: string): ObjectName | undefined {
  if (name === REPOSITORY_NAME) return { kind: 'repository' };
  const parsed = parseSegment(name) ?? parseOther(name);
  // The last word has the other direction, so that there is one name for one thing.
  return parsed !== undefined && formatObjectName(parsed) === name ? parsed : undefined;
}

export function formatObjectName(name: ObjectName): string {
  switch (name.kind) {
    case 'repository':
      return REPOSITORY_NAME;
    case 'begin':
      return formatBeginName(name.lane);
    case 'hole':
      return formatHoleName(name);
    case 'retirement':
      return formatRetirementName(name.lane, name.lastSeq);
    case 'sidecar':
      return formatSidecarName(name);
    case 'data':
      return formatDataName(name, name.random);
    case 'index':
      return formatIndexName(name.month);
  }
}

const SEGMENT =
  /^lanes\/([0-9a-f]{16})\/(minute|hour|day)\/\d{4}\/\d\d\/\d\d\/(\d{15})-(\d{15})_(\d{13})-(\d{13})(?:\.json|\.([0-9a-f]{8})\.parquet)$/;
const BEGIN = /^lanes\/([0-9a-f]{16})\/begin\.json$/;
const HOLE = /^lanes\/([0-9a-f]{16})\/holes\/(\d{15})-(\d{15})\.json$/;
const RETIREMENT = /^lanes\/([0-9a-f]{16})\/retired\/(\d{15})\.json$/;
const INDEX = /^index\/(\d{4}-(?:0[1-9]|1[0-2]))\.json$/;

function parseSegment(name: string): ObjectName | undefined {
  const match = SEGMENT.exec(name);
  if (match === null) return undefined;
  const [, lane = '', , first, last, from, to, random] = match;
  const level = LEVELS.find((one) => one === match[2]);
  const firstSeq = Number(first);
  const lastSeq = Number(last);
  const fromMs = Number(from);
  const toMs = Number(to);
  if (level === undefined || firstSeq > lastSeq || fromMs > toMs) return undefined;
  const fields = { lane: shared(lane), level, firstSeq, lastSeq, fromMs, toMs };
  return random === undefined
    ? { kind: 'sidecar', ...fields }
    : { kind: 'data', ...fields, random };
}

let lastLane = '';

/** A piece of a name keeps all of it in memory. Names come by lane: the last one's is mostly this one's. */
function shared(lane: string): string {
  if (lane !== lastLane) lastLane = lane;
  return lastLane;
}

function parseOther(name: string): ObjectName | undefined {
  const begin = BEGIN.exec(name);
  if (begin !== null) return { kind: 'begin', lane: begin[1] ?? '' };
  const month = INDEX.exec(name)?.[1];
  if (month !== undefined) return { kind: 'index', month };
  const retired = RETIREMENT.exec(name);
  if (retired !== null)
    return { kind: 'retirement', lane: retired[1] ?? '', lastSeq: Number(retired[2]) };
  const hole = HOLE.exec(name);
  if (hole === null || Number(hole[2]) > Number(hole[3])) return undefined;
  return { kind: 'hole', lane: hole[1] ?? '', firstSeq: Number(hole[2]), lastSeq: Number(hole[3]) };
}

function formatStem({ lane, level, firstSeq, lastSeq, fromMs, toMs }: SegmentName): string {
  return `lanes/${lane}/${level}/${dayAt(toMs)}/${sequence(firstSeq)}-${sequence(lastSeq)}_${time(fromMs)}-${time(toMs)}`;
}

/** As `2025/03/04`, UTC, of the name of a segment's object. */
export function dayOf(name: string): string {
  return name.split('/').slice(3, 6).join('/');
}

const DAY_MS = 86_400_000;
let lastDay = { day: 0, folder: '1970/01/01' };

/** The day of a time, UTC, as `2025/03/04`. Names come by day: the last one's is mostly this one's. */
export function dayAt(epochMs: number): string {
  const day = Math.floor(epochMs / DAY_MS);
  if (day !== lastDay.day) {
    const folder = new Date(epochMs).toISOString().slice(0, 10).replaceAll('-', '/');
    lastDay = { day, folder };
  }
  return lastDay.folder;
}

/** Tells folders of months that ended more than a month before then, epoch ms: in years of data these are nearly all. */
export function mayBeWrittenTo(sinceMs: number): (folder: string) => boolean {
  const month = monthOf(sinceMs - 31 * DAY_MS).replace('-', '/');
  return (folder) => {
    const [found] = /(?<=^lanes\/[^/]+\/[^/]+\/)\d{4}\/\d\d/.exec(folder) ?? [];
    return found === undefined || found >= month;
  };
}

function sequence(seq: number): string {
  return String(seq).padStart(15, '0');
}

function time(epochMs: number): string {
  return String(epochMs).padStart(13, '0');
}
