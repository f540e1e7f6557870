import { tagsOf } from '../../archive/format/canonical-tags.ts';
import type { Duckdb } from '../../archive/duckdb.ts';
import {
  bypassQuery,
  CHARACTERS_QUERY,
  COUNT_FOLDED,
  DEMANDS_QUERY,
  ENCODED_TAGS_QUERY,
  type Demands,
  type FoldCounts,
  foldStatement,
  lookUpStatement,
  METRICS_QUERY,
  type MetricExtent,
  provisionalQuery,
  writeCellsStatement,
  writeLinesStatement,
} from './fold-query.ts';
import {
  type FoldRange,
  hourRangesQuery,
  metricRangesQuery,
  rangeOfHours,
  seriesRangesQuery,
} from './fold-range.ts';
import { type FoldInput, viewStatements } from './points-view.ts';
import { SerialQueue } from '../../runtime/serial-queue.ts';

/**
 * Computes the state at a time, range by range: what is in memory and in temporary files is bounded by the size of a range.
 * One statement is under way at a time, in the order of the calls. The same input gives the same ranges and lines.
 */
export class Fold {
  readonly #database: Duckdb;
  readonly #rowsMax: number;
  readonly #mayBeProvisional: boolean;
  /** The table `folded` belongs to one call at a time. */
  readonly #calls = new SerialQueue();

  private constructor(database: Duckdb, rowsMax: number, mayBeProvisional: boolean) {
    this.#database = database;
    this.#rowsMax = rowsMax;
    this.#mayBeProvisional = mayBeProvisional;
  }

  /** `rowsMax`: rows in one range, unless more of them are of one hour of one series. */
  static async open(database: Duckdb, input: FoldInput, rowsMax: number): Promise<Fold> {
    for (const statement of viewStatements(input)) await database.run(statement);
    return new Fold(database, rowsMax, input.unconfirmed.size > 0);
  }

  get rowsMax(): number {
    return this.#rowsMax;
  }

  /** All points, in the order of metrics, tags and instants. */
  ranges(): Promise<FoldRange[]> {
    return this.#calls.run(async () => {
      const ranges: FoldRange[] = [];
      for (const found of await this.#bounds(metricRangesQuery(this.#rowsMax))) {
        const range = { kind: 'metrics' as const, ...textBounds(found) };
        if (range.rows <= this.#rowsMax || range.first !== range.last) ranges.push(range);
        else ranges.push(...(await this.#seriesRanges(range.first)));
      }
      return ranges;
    });
  }

  demands(): Promise<Demands> {
    return this.#calls.run(async () => {
      const [row = {}] = await this.#database.rows(DEMANDS_QUERY);
      const { rows = 0, metrics = 0, series = 0, tags = 0 } = numbers(row);
      const {
        first_ms: firstMs = 0,
        last_ms: lastMs = 0,
        received_ms: receivedMs = 0,
      } = numbers(row);
      const digest = textOf(row['digest']);
      return { rows, metrics, series, tags, firstMs, lastMs, receivedMs, digest };
    });
  }

  /** Every character of the names. */
  characters(): Promise<string> {
    return this.#calls.run(async () => {
      const [row = {}] = await this.#database.rows(CHARACTERS_QUERY);
      const encoded = await this.#database.rows(ENCODED_TAGS_QUERY);
      const characters = new Set(textOf(row['plain']));
      for (const { tags } of encoded) {
        const pairs = Object.entries(tagsOf(String(tags)));
        for (const character of pairs.flat().join('')) characters.add(character);
      }
      return [...characters].join('');
    });
  }

  metrics(): Promise<MetricExtent[]> {
    return this.#calls.run(async () => {
      const rows = await this.#database.rows(METRICS_QUERY);
      return rows.map((row) => ({
        metric: String(row['metric']),
        firstMs: Number(row['first_ms']),
        lastMs: Number(row['last_ms']),
      }));
    });
  }

  count(range: FoldRange): Promise<FoldCounts> {
    return this.#calls.run(async () => {
      await this.#database.run(foldStatement(range));
      return this.#countFolded();
    });
  }

  /** Writes the lines of a range (LineFiles reads them back); resolves to how many of them are provisional. */
  writeLines(range: FoldRange, path: string): Promise<number> {
    return this.#calls.run(async () => {
      await this.#database.run(writeLinesStatement(range, path));
      if (!this.#mayBeProvisional) return 0;
      const [row = {}] = await this.#database.rows(provisionalQuery(range));
      return Number(row['provisional']);
    });
  }

  /** Writes the cells of a range: by metric and then instant, but a part of a metric by series. Resolves to how many. */
  writeCells(range: FoldRange, path: string): Promise<number> {
    return this.#calls.run(async () => {
      await this.#database.run(foldStatement(range));
      const order = range.kind === 'metrics' ? 'by instant' : 'by series';
      return this.#database.run(writeCellsStatement(order, path));
    });
  }

  /** Writes what is known of single cells; see `lookUpStatement`. */
  lookUp(wantedPath: string, path: string): Promise<void> {
    return this.#calls.run(async () => {
      await this.#database.run(lookUpStatement(wantedPath, path));
    });
  }

  /** Receive time and control record of each change that went round the log. */
  bypasses(
    files: readonly string[],
    throughMs: number,
  ): Promise<{ readonly receivedAt: number; readonly payload: string }[]> {
    if (files.length === 0) return Promise.resolve([]);
    return this.#calls.run(async () => {
      const rows = await this.#database.rows(bypassQuery(files, throughMs));
      return rows.map((row) => ({
        receivedAt: Number(row['received_at']),
        payload: String(row['payload']),
      }));
    });
  }

  async #seriesRanges(metric: string): Promise<FoldRange[]> {
    const ranges: FoldRange[] = [];
    for (const found of await this.#bounds(seriesRangesQuery(metric, this.#rowsMax))) {
      const range = { kind: 'series' as const, metric, ...textBounds(found) };
      if (range.rows <= this.#rowsMax || range.first !== range.last) ranges.push(range);
      else ranges.push(...(await this.#instantRanges(metric, range.first)));
    }
    return ranges;
  }

  async #instantRanges(metric: string, tags: string): Promise<FoldRange[]> {
    const found = await this.#bounds(hourRangesQuery(metric, tags, this.#rowsMax));
    return found.map((row) => {
      const { first, last } = rangeOfHours(Number(row['first']), Number(row['last']));
      return { kind: 'instants', metric, tags, first, last, rows: Number(row['rows']) };
    });
  }

  async #bounds(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#database.rows(query);
  }

  async #countFolded(): Promise<FoldCounts> {
    const [row = {}] = await this.#database.rows(COUNT_FOLDED);
    const { points = 0, provisional = 0, bytes = 0, telnet = 0 } = numbers(row);
    return { points, provisional, bytes, telnet };
  }
}

function textBounds({ first, last, rows }: Readonly<Record<string, unknown>>): {
  readonly first: string;
  readonly last: string;
  readonly rows: number;
} {
  return { first: String(first), last: String(last), rows: Number(rows) };
}

function numbers(row: Readonly<Record<string, unknown>>): Partial<Record<string, number>> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
