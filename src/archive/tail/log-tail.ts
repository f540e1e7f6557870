import { join } from 'node:path';
import type { Hole } from '../../record/control.ts';
import type { LoggedFork } from '../../record/fork.ts';
import { forksIn } from '../../record/lane-control.ts';
import { isThere } from '../../runtime/is-there.ts';
import { dataUnusable } from '../../wal/data-unusable.ts';
import type { Segment } from '../../wal/log-files.ts';
import { PublishedLog } from '../../wal/published-log.ts';
import { assertOneLog } from '../../wal/worker-logs.ts';
import type { ArchiveHome } from '../write/archive-home.ts';
import type { Holdings, LaneHoldings } from '../holdings/coverage.ts';
import { LaneArchive } from '../write/lane-archive.ts';
import { type LaneOpening, readOpenings } from '../write/lane-opening.ts';
import { measureRecords } from '../merge/measure-records.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import type { Span } from '../format/object-names.ts';
import { SequenceSet } from '../../record/sequence-set.ts';
import type { Begin, HoleMarker } from '../format/sidecar.ts';
import { type TailRead, walkTail } from './tail-walk.ts';

/** What the log of a data directory holds beyond a repository. */
export interface LogTail {
  readonly log: PublishedLog;
  /** In log order. */
  readonly lanes: readonly LaneTail[];
  /** Some file went while it was read, as one that was archived meanwhile: look again. */
  readonly isMoved: boolean;
}

export interface LaneTail {
  readonly begin: Begin;
  /** Runs of records that only the log has; in order, apart from each other. */
  readonly runs: readonly TailRun[];
  /** Why records are neither here nor there. */
  readonly holes: readonly HoleMarker[];
  /** What is said to be undone in what was read of it, which may be archived, too. */
  readonly forks: readonly LoggedFork[];
  /** Receive time of the last record, wherever it is; epoch ms. */
  readonly toMs: number;
  /** The last record that the log has, or had. */
  readonly lastSeq: number;
}

export interface TailRun extends Span {
  readonly points: number;
  /** Of the log. */
  readonly bytes: number;
}

/** Throws DATA_UNUSABLE; CONFIG_INVALID for a directory of several workers. */
export async function openLog(data: string): Promise<PublishedLog> {
  await assertOneLog(data);
  try {
    return await PublishedLog.open(data);
  } catch (cause) {
    throw dataUnusable(join(data, 'wal'), cause, 'Name the data directory of the proxy.');
  }
}

/**
 * Reads all that isn't in `holdings`, which has to be listed after the log was opened: what is archived meanwhile is then in one of them.
 * `home`: where the log was archived to last, as its data directory says.
 */
export async function readTail(
  log: PublishedLog,
  { lanes }: Holdings,
  home?: ArchiveHome,
): Promise<LogTail> {
  const openings = new Map((await readOpenings(log.segments)).map((one) => [one.lane, one]));
  const found: LaneTail[] = [];
  let isMoved = false;
  for (const lane of new Set(log.segments.map((segment) => segment.lane))) {
    const holdings = lanes.get(lane) ?? NOTHING;
    const opening = openings.get(lane);
    const begin = holdings.begin ?? (opening && beginOf(opening, lanes, home?.newest));
    // Nothing of it can be read: the lane after it names it.
    if (begin === undefined) continue;
    const scan = new LaneScan(log, begin, holdings);
    found.push(await scan.run());
    isMoved ||= scan.isMoved;
  }
  return { log, lanes: found, isMoved };
}

/** Whether a file with some of these records isn't there any more. */
export async function isGone(files: readonly Segment[], hole: Hole): Promise<boolean> {
  for (const { path, lane, firstSeq, lastSeq } of files) {
    if (lane !== hole.lane || firstSeq > hole.to || lastSeq < hole.from) continue;
    if (!(await isThere(path))) return true;
  }
  return false;
}

const NOTHING: LaneHoldings = { begin: undefined, objects: [], holes: [] };
const GONE = 'no longer in the log';
const EXPIRED = `${GONE}, and not archived`;

/**
 * Of a lane that no repository knows: what its own first record says. Without that one, it is after the lane of this directory that was
 * registered last, as it will be when it is registered; what is gone of it was received no earlier than anything known.
 */
function beginOf(
  opening: LaneOpening,
  lanes: Holdings['lanes'],
  newest: ArchiveHome['newest'],
): Begin {
  const { lane, ordinal, firstSeq, receivedAt, notBefore, reason, disputed } = opening;
  const known = { lane, ordinal, reason, disputed, host: '', firstSeq: 1 };
  const previous = opening.previous ?? null;
  if (firstSeq === 1) return { ...known, openedAt: receivedAt, previous };
  const before = newest && newest.ordinal < ordinal ? endOf(lanes.get(newest.lane)) : undefined;
  const sinceMs = notBefore ?? before?.toMs ?? firstOpened(lanes) ?? receivedAt;
  const after = newest && before && { lane: newest.lane, lastSeq: before.lastSeq };
  const openedAt = Math.min(receivedAt, sinceMs);
  return { ...known, openedAt, previous: previous ?? after ?? null };
}

function endOf(
  holdings: LaneHoldings | undefined,
): { readonly toMs: number; readonly lastSeq: number } | undefined {
  // What is damaged was there all the same.
  const { objects = [], damaged = [] } = holdings ?? {};
  const last = uniteSpans([...objects, ...damaged]).covered.at(-1);
  return last ?? (holdings?.begin && { toMs: holdings.begin.openedAt, lastSeq: 0 });
}

/** Undefined when no lane is known. */
function firstOpened(lanes: Holdings['lanes']): number | undefined {
  const opened = [...lanes.values()].map(({ begin }) => begin?.openedAt ?? 0);
  return opened.length === 0 ? undefined : Math.min(...opened);
}

/** Reads what the log has of one lane, to know what is there. */
class LaneScan {
  readonly #log: PublishedLog;
  readonly #archive: LaneArchive;
  readonly #damaged: SequenceSet;
  readonly #files: readonly Segment[];
  readonly #runs: TailRun[] = [];
  readonly #holes: HoleMarker[] = [];
  readonly #forks: LoggedFork[] = [];
  #run: TailRun | undefined;
  #isMoved = false;

  constructor(log: PublishedLog, begin: Begin, { objects, holes, damaged }: LaneHoldings) {
    this.#log = log;
    this.#damaged = new SequenceSet(damaged);
    this.#archive = new LaneArchive(begin, objects, holes);
    this.#files = log.segments.filter(({ lane }) => lane === begin.lane);
  }

  get isMoved(): boolean {
    return this.#isMoved;
  }

  async run(): Promise<LaneTail> {
    const { begin } = this.#archive;
    const firstSeq = this.#files[0]?.firstSeq ?? 1;
    for (const gap of this.#archive.gaps(begin.firstSeq, firstSeq - 1)) {
      const reason = this.#damaged.without(gap).length === 0 ? GONE : EXPIRED;
      this.#note({ lane: begin.lane, from: gap.firstSeq, to: gap.lastSeq, reason });
    }
    for await (const read of walkTail(this.#log, this.#archive)) {
      if (read.kind === 'hole') await this.#pass(read.hole);
      else this.#take(read);
    }
    this.#endRun();
    const lastSeq = this.#files.at(-1)?.lastSeq ?? 0;
    const toMs = this.#archive.fromMs(Infinity);
    return { begin, runs: this.#runs, holes: this.#holes, forks: this.#forks, toMs, lastSeq };
  }

  #take({ frame, firstSeq, lastSeq }: TailRead & { kind: 'frame' }): void {
    if (this.#run !== undefined && this.#run.lastSeq + 1 !== firstSeq) this.#endRun();
    this.#forks.push(...forksIn(frame));
    const { toMs, points, bytes } = measureRecords(frame, { firstSeq, lastSeq });
    const fromMs = this.#archive.fromMs(firstSeq);
    const run = this.#run ?? { firstSeq, fromMs, points: 0, bytes: 0 };
    const sum = { points: run.points + points, bytes: run.bytes + bytes };
    this.#run = { ...run, lastSeq, toMs, ...sum };
  }

  async #pass(hole: Hole): Promise<void> {
    this.#endRun();
    this.#note(hole);
    this.#isMoved ||= await isGone(this.#files, hole);
  }

  #endRun(): void {
    if (this.#run === undefined) return;
    this.#runs.push(this.#run);
    this.#archive.add(this.#run);
    this.#run = undefined;
  }

  #note({ lane, from: firstSeq, to: lastSeq, reason }: Hole): void {
    const fromMs = this.#archive.fromMs(firstSeq);
    this.#holes.push({ lane, firstSeq, lastSeq, fromMs, toMs: null, reason, notedAt: fromMs });
  }
}
