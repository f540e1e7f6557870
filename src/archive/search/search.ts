import { type Control, parseControl } from '../../record/control.ts';
import { firstOfEach, isUndone, type LoggedFork } from '../../record/fork.ts';
import { tagsOf } from '../format/canonical-tags.ts';
import { type Catalog, isDamage } from '../holdings/catalog.ts';
import { computeCoverage, type CoverageHole } from '../holdings/coverage.ts';
import type { Duckdb } from '../duckdb.ts';
import { isIn, SearchLosses } from './search-losses.ts';
import { bypassesQuery, refusedStatement, writesQuery } from './search-query.ts';
import { planWindows, type SearchWindowLimits } from './search-windows.ts';
import {
  type SearchedFile,
  SearchedSegments,
  type SearchedSegmentsOptions,
} from './searched-segments.ts';
import type { Sidecar } from '../format/sidecar.ts';
import { type TimeSpan, touches, writeCondition, type WriteFilter } from './write-filter.ts';

export interface SearchOptions extends Omit<SearchedSegmentsOptions, 'fromMs'> {
  readonly duckdb: Duckdb;
  readonly filter: WriteFilter;
  /** Writes that are enough; Infinity for all. */
  readonly limit: number;
  readonly windowLimits?: SearchWindowLimits;
}

/** A point as it was written. */
export interface FoundWrite {
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly transport: string;
  /** `address:port` */
  readonly source: string;
  readonly lane: string;
  readonly seq: number;
  /** Among the lines of its record, counted from 0. */
  readonly index: number;
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  /** As the log has it. */
  readonly timestamp: string;
  readonly instantMs: number;
  readonly value: string;
  /** The log's line, with the tags in the order of their names. */
  readonly line: string;
  /** With what words the primary refused it; null when nothing is known of that. */
  readonly refusal: string | null;
  /** It is undone since, as the log went on from a moment before it. */
  readonly undone: UndoneWrite | null;
}

/** The fork that undoes a write: its id, the moment that was gone back to, and when the log was told of it; both epoch ms. */
export type UndoneWrite = Pick<LoggedFork, 'id' | 'at' | 'receivedAt'>;

type BypassedChange = Pick<Control & { kind: 'bypass' }, 'method' | 'path' | 'source'>;

export type SearchEvent =
  | { readonly kind: 'writes'; readonly writes: readonly FoundWrite[] }
  /** What the log says to be undone, as far as it may be of writes that are looked for. */
  | { readonly kind: 'fork'; readonly fork: LoggedFork }
  /** A change that went round the log meanwhile. */
  | ({ readonly kind: 'bypass'; readonly receivedAt: number } & BypassedChange)
  /** Records that may have been received then, and are missing. */
  | { readonly kind: 'hole'; readonly hole: CoverageHole }
  /** What can't be read; the records for which there is nothing else are told as holes, after it: `held` says that there are none. */
  | {
      readonly kind: 'damage';
      readonly object: string;
      readonly reason: string;
      readonly held: boolean;
    }
  /** Not all that was received then is there: what came after `safeTimeMs` may still be on its way. */
  | { readonly kind: 'behind'; readonly safeTimeMs: number | undefined }
  /** `held`: from the first to the last receive time of all that is there, looked for or not; undefined where nothing is. */
  | {
      readonly kind: 'end';
      readonly writes: number;
      readonly isLimited: boolean;
      readonly held: { readonly fromMs: number; readonly toMs: number } | undefined;
    };

/** A segment of a busy day has more; what fits of them is sorted, beyond DuckDB's memory on the disk. */
const WINDOW_LIMITS = { rowsMax: 2_000_000, filesMax: 200 } as const;

/**
 * Finds writes, in the order in which they were received, each once. In bounded memory: window by window of receive time.
 * Everything that makes the answer less than complete is told: holes and how far the archive is first; what is lost to damage before any
 * write that was received after it; damage by which nothing is lost last.
 */
export async function* searchWrites(options: SearchOptions): AsyncGenerator<SearchEvent> {
  const { catalog, filter, limit } = options;
  const { received } = filter;
  for (const { object, reason } of catalog.faults.filter(isDamage)) {
    yield { kind: 'damage', object, reason: `${object}: ${reason}`, held: false };
  }
  const coverage = computeCoverage(catalog);
  const holes = coverage.holes.filter((hole) => isIn(hole, received));
  for (const hole of holes) yield { kind: 'hole', hole };
  const { safeTimeMs } = coverage;
  if ((safeTimeMs ?? -Infinity) < received.to - 1) yield { kind: 'behind', safeTimeMs };
  const segments = await SearchedSegments.open({ ...options, fromMs: received.from });
  const losses = new SearchLosses(segments, received, holes);
  const search = new Search(options, segments, losses);
  for (const fork of search.forks) yield { kind: 'fork', fork };
  let writes = 0;
  for await (const event of search.run()) {
    if (event.kind === 'writes') writes += event.writes.length;
    yield event;
  }
  yield* losses.found();
  yield* losses.held();
  yield { kind: 'end', writes, isLimited: writes >= limit, held: heldBy(catalog) };
}

function heldBy({ lanes }: Catalog): Extract<SearchEvent, { kind: 'end' }>['held'] {
  let [fromMs, toMs] = [Infinity, -Infinity];
  for (const { objects } of lanes.values()) {
    for (const object of objects) {
      fromMs = Math.min(fromMs, object.fromMs);
      toMs = Math.max(toMs, object.toMs);
    }
  }
  return fromMs <= toMs ? { fromMs, toMs } : undefined;
}

class Search {
  readonly #options: SearchOptions;
  readonly #segments: SearchedSegments;
  readonly #losses: SearchLosses;
  /** What of a segment's data times is looked for. */
  readonly #instants: TimeSpan;
  /** Each once, in the order in which they were said. */
  readonly forks: readonly LoggedFork[];
  #left: number;

  constructor(options: SearchOptions, segments: SearchedSegments, losses: SearchLosses) {
    this.#options = options;
    this.#segments = segments;
    this.#losses = losses;
    this.#instants = options.filter.instants ?? { from: -Infinity, to: Infinity };
    this.forks = firstOfEach(segments.sidecars.flatMap(({ forks }) => forks ?? []));
    this.#left = options.limit;
  }

  async *run(): AsyncGenerator<SearchEvent> {
    const { filter, signal, windowLimits = WINDOW_LIMITS } = this.#options;
    const searched = this.#segments.sidecars.filter((sidecar) => this.#holdsWrites(sidecar));
    const sized = searched.map(({ toMs, data }) => ({ toMs, rows: data?.rows ?? 0 }));
    await this.#noteRefused();
    for (const window of planWindows(sized, filter.received, windowLimits)) {
      if (this.#left <= 0) return;
      signal.throwIfAborted();
      yield* this.#bypasses(window);
      yield* this.#writes(window);
    }
  }

  /** What is said of a write may be in any later segment. */
  async #noteRefused(): Promise<void> {
    const { duckdb, filter } = this.#options;
    const asked = this.#segments.sidecars.filter(({ fromMs, toMs }) =>
      touches(filter.received, { from: fromMs, to: toMs }),
    );
    const later = { fromMs: filter.received.from, toMs: Infinity };
    const files = await this.#segments.files(later, ({ refused }) => refused > 0);
    await duckdb.run(refusedStatement(files, asked));
  }

  async *#bypasses(window: TimeSpan): AsyncGenerator<SearchEvent> {
    const files = await this.#files(window, ({ bypasses }) => bypasses > 0);
    if (files.length === 0) return;
    for (const row of await this.#options.duckdb.rows(bypassesQuery(files, window))) {
      const control = parseControl(`!bypass ${String(row['payload'])}`);
      if (control?.kind !== 'bypass') continue;
      yield { receivedAt: Number(row['received_at']), ...control };
    }
  }

  async *#writes(window: TimeSpan): AsyncGenerator<SearchEvent> {
    const { duckdb, filter, signal } = this.#options;
    const files = await this.#files(window, (sidecar) => this.#holdsWrites(sidecar));
    yield* this.#losses.found();
    if (files.length === 0) return;
    const condition = writeCondition({ ...filter, received: window });
    for await (const rows of duckdb.stream(writesQuery(files, condition, this.#left))) {
      signal.throwIfAborted();
      this.#left -= rows.length;
      yield { kind: 'writes', writes: rows.map((row) => writeOf(row, this.forks)) };
    }
  }

  #files({ from, to }: TimeSpan, isWanted: (sidecar: Sidecar) => boolean): Promise<SearchedFile[]> {
    return this.#segments.files({ fromMs: from, toMs: to - 1 }, isWanted);
  }

  #holdsWrites({ points, instants }: Sidecar): boolean {
    return points > 0 && (instants === null || touches(this.#instants, instants));
  }
}

function writeOf(row: Readonly<Record<string, unknown>>, forks: readonly LoggedFork[]): FoundWrite {
  const text = (column: string): string => String(row[column]);
  const tags = tagsOf(text('tags'));
  const pairs = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  const put = [text('metric'), text('timestamp'), text('value'), ...pairs].join(' ');
  const isJson = row['kind'] === 'put-json';
  const lane = text('lane');
  const seq = Number(row['seq']);
  return {
    receivedAt: Number(row['received_at']),
    transport: text('transport'),
    source: text('source'),
    lane,
    seq,
    index: Number(row['idx']),
    metric: text('metric'),
    tags,
    timestamp: text('timestamp'),
    instantMs: Number(row['instant_ms']),
    value: text('value'),
    line: isJson ? `http POST /api/put ${text('payload')}` : `put ${put}`,
    refusal: typeof row['error'] === 'string' ? row['error'] : null,
    undone: forks.length === 0 ? null : undoneBy(forks, lane, seq),
  };
}

function undoneBy(forks: readonly LoggedFork[], lane: string, seq: number): UndoneWrite | null {
  for (const { id, at, receivedAt, undone } of forks) {
    const ranges = undone.filter((range) => range.lane === lane);
    if (isUndone(ranges, seq)) return { id, at, receivedAt };
  }
  return null;
}
