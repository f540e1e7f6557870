import type { Fields } from '../../record/fields.ts';
import { type LoggedFork, parseFork } from '../../record/fork.ts';
import type { HoleName, Level, SegmentName } from './object-names.ts';
import { LEVELS } from './object-names.ts';
import { seal, unseal } from './sealed-json.ts';

/**
 * The sealed JSON objects of a repository: what each says, and reading it back. A reader takes what it
 * knows and passes over fields it doesn't; another `format` is no object for it.
 */
const FORMAT = 1;

/** Commits a segment: it is written last, after the data object that it names. */
export interface Sidecar extends SegmentName {
  /** The lane's number in its data directory. */
  readonly ordinal: number;
  /** All of the run, also those that give no row. */
  readonly records: number;
  readonly points: number;
  /** Outcome rows. */
  readonly refused: number;
  readonly bypasses: number;
  /** `<lane>/<seq>`: up to there the primary surely stored everything, by the last tick that says so. */
  readonly confirmed: string | null;
  /** Data time of its points, epoch ms, both inclusive; null without a point. */
  readonly instants: { readonly from: number; readonly to: number } | null;
  /** Null when no record of the run gives a row. */
  readonly data: DataObject | null;
  /** When it was archived, epoch ms. */
  readonly createdAt: number;
  /** `tsdb-wal <version>` */
  readonly writer: string;
  /** What its records say to be undone; absent: nothing. */
  readonly forks?: readonly LoggedFork[];
}

export interface DataObject {
  readonly object: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly rows: number;
}

/** Registers a lane, before anything of it was answered. */
export interface Begin {
  readonly lane: string;
  readonly ordinal: number;
  /** Of what the repository is to hold: 1, or more where archiving began in the middle of a lane. */
  readonly firstSeq: number;
  /** Receive time of the lane's first record, or of the one at `firstSeq`, epoch ms. */
  readonly openedAt: number;
  /**
   * The lane before, and its last record. Null for the first lane that the repository is to hold of this data
   * directory, whatever its open record says: a `previous` that has no begin of its own is a hole.
   */
  readonly previous: { readonly lane: string; readonly lastSeq: number } | null;
  readonly reason: string;
  /** Receive times in doubt after a leap of the clock, epoch ms. */
  readonly disputed: { readonly from: number; readonly to: number } | null;
  readonly host: string;
  /** The Kafka topic by which its records come; absent when they are archived from their own data directory. */
  readonly topic?: string;
  /** Where in the topic it was first met: it stays there, also when the topic is given more partitions. */
  readonly partition?: number;
}

/**
 * By which an operator ends a lane that no other follows, as of a proxy that is gone for good. It counts for as long as
 * nothing of the lane is there after `lastSeq`.
 */
export interface Retirement {
  readonly lane: string;
  /** The last record that is known. */
  readonly lastSeq: number;
  /** It says that the lane stopped in order, so that nothing is missing after it. */
  readonly isClosed: boolean;
  readonly reason: string;
  readonly notedAt: number;
}

/** Why records of a lane can't be archived. They count as missing all the same. */
export interface HoleMarker extends HoleName {
  /** `toMs` of what is before it. */
  readonly fromMs: number;
  /** Receive time of what is after it, if known. */
  readonly toMs: number | null;
  readonly reason: string;
  readonly notedAt: number;
}

/** `repository.json` */
export interface RepositoryFile {
  /** 16 hex digits. */
  readonly id: string;
  readonly createdAt: number;
}

export function formatSidecar(sidecar: Sidecar): string {
  return seal({ format: FORMAT, ...sidecar });
}

/** Undefined for anything that is no whole sidecar. */
export function parseSidecar(content: Buffer): Sidecar | undefined {
  const fields = fieldsOf(content);
  const segment = segmentOf(fields);
  const { ordinal, records, points, refused, bypasses, createdAt } = fields;
  const { confirmed, instants, data, writer } = fields;
  if (segment === undefined || !isCount(ordinal) || !isCount(records)) return undefined;
  if (!isCount(points) || !isCount(refused) || !isCount(bypasses)) return undefined;
  if (confirmed !== null && typeof confirmed !== 'string') return undefined;
  if (instants !== null && !isRange(instants)) return undefined;
  if (data !== null && !isDataObject(data)) return undefined;
  if (!isCount(createdAt) || typeof writer !== 'string') return undefined;
  const forks = forksOf(fields['forks']);
  if (forks === undefined) return undefined;
  const { lane, level, firstSeq, lastSeq, fromMs, toMs } = segment;
  // Field by field: there may be millions, and a spread takes five times as long.
  return {
    lane,
    level,
    firstSeq,
    lastSeq,
    fromMs,
    toMs,
    ordinal,
    records,
    points,
    refused,
    bypasses,
    confirmed,
    instants,
    data,
    createdAt,
    writer,
    ...(forks.length > 0 && { forks }),
  };
}

const NO_FORKS: readonly LoggedFork[] = [];

/** The field `forks` of a sidecar, which is left out where there is none; undefined when anything in it is not a whole fork. */
export function forksOf(value: unknown): readonly LoggedFork[] | undefined {
  if (value === undefined) return NO_FORKS;
  if (!Array.isArray(value)) return undefined;
  const forks: LoggedFork[] = [];
  for (const one of value as readonly unknown[]) {
    const fork = parseFork(one);
    const receivedAt = isObject(one) ? one['receivedAt'] : undefined;
    if (fork === undefined || !isCount(receivedAt)) return undefined;
    forks.push({ ...fork, receivedAt });
  }
  return forks;
}

export function formatBegin(begin: Begin): string {
  return seal({ format: FORMAT, ...begin });
}

/** Undefined for anything that is no whole begin. */
export function parseBegin(content: Buffer): Begin | undefined {
  const fields = fieldsOf(content);
  const { lane, ordinal, firstSeq, openedAt, previous, reason, disputed, host } = fields;
  const { topic, partition } = fields;
  if (!isLane(lane) || !isCount(ordinal) || !isCount(firstSeq) || !isCount(openedAt)) {
    return undefined;
  }
  if (previous !== null && !isPrevious(previous)) return undefined;
  if (disputed !== null && !isRange(disputed)) return undefined;
  if (typeof reason !== 'string' || typeof host !== 'string') return undefined;
  if (topic !== undefined && typeof topic !== 'string') return undefined;
  if (partition !== undefined && !isCount(partition)) return undefined;
  const begin = { lane, ordinal, firstSeq, openedAt, previous, reason, disputed, host };
  if (topic === undefined) return begin;
  return { ...begin, topic, ...(partition !== undefined && { partition }) };
}

export function formatRetirement(retirement: Retirement): string {
  return seal({ format: FORMAT, ...retirement });
}

/** Undefined for anything that is no whole one. */
export function parseRetirement(content: Buffer): Retirement | undefined {
  const { lane, lastSeq, isClosed, reason, notedAt } = fieldsOf(content);
  if (!isLane(lane) || !isCount(lastSeq) || typeof isClosed !== 'boolean') return undefined;
  if (typeof reason !== 'string' || !isCount(notedAt)) return undefined;
  return { lane, lastSeq, isClosed, reason, notedAt };
}

export function formatHoleMarker(marker: HoleMarker): string {
  return seal({ format: FORMAT, ...marker });
}

/** Undefined for anything that is no whole marker. */
export function parseHoleMarker(content: Buffer): HoleMarker | undefined {
  const { lane, firstSeq, lastSeq, fromMs, toMs, reason, notedAt } = fieldsOf(content);
  if (!isLane(lane) || !isCount(firstSeq) || !isCount(lastSeq) || firstSeq > lastSeq) {
    return undefined;
  }
  if (!isCount(fromMs) || (toMs !== null && !isCount(toMs))) return undefined;
  if (typeof reason !== 'string' || !isCount(notedAt)) return undefined;
  return { lane, firstSeq, lastSeq, fromMs, toMs, reason, notedAt };
}

export function formatRepositoryFile(file: RepositoryFile): string {
  return seal({ format: FORMAT, ...file });
}

/** Undefined for anything that is no whole repository file. */
export function parseRepositoryFile(content: Buffer): RepositoryFile | undefined {
  const { id, createdAt } = fieldsOf(content);
  return isLane(id) && isCount(createdAt) ? { id, createdAt } : undefined;
}

function fieldsOf(content: Buffer): Fields {
  const fields = unseal(content);
  return fields?.['format'] === FORMAT ? fields : {};
}

function segmentOf({
  lane,
  level,
  firstSeq,
  lastSeq,
  fromMs,
  toMs,
}: Fields): SegmentName | undefined {
  if (!isLane(lane) || !isLevel(level) || !isCount(firstSeq) || !isCount(lastSeq)) return undefined;
  if (!isCount(fromMs) || !isCount(toMs) || firstSeq > lastSeq || fromMs > toMs) return undefined;
  return { lane, level, firstSeq, lastSeq, fromMs, toMs };
}

export function isLane(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);
}

function isLevel(value: unknown): value is Level {
  return LEVELS.some((level) => level === value);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** Data times may be before 1970. */
function isRange(value: unknown): value is { from: number; to: number } {
  return (
    isObject(value) && Number.isSafeInteger(value['from']) && Number.isSafeInteger(value['to'])
  );
}

function isPrevious(value: unknown): value is { lane: string; lastSeq: number } {
  return isObject(value) && isLane(value['lane']) && isCount(value['lastSeq']);
}

function isDataObject(value: unknown): value is DataObject {
  return (
    isObject(value) &&
    typeof value['object'] === 'string' &&
    isCount(value['bytes']) &&
    typeof value['sha256'] === 'string' &&
    isCount(value['rows'])
  );
}
