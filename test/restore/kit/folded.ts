import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCatalog } from '../../../src/archive/catalog.ts';
import { Duckdb } from '../../../src/archive/duckdb.ts';
import { Fold } from '../../../src/restore/fold.ts';
import type { FoldInput, FoldRange } from '../../../src/restore/fold-query.ts';
import { readTrustedSegments } from '../../../src/restore/trusted-segments.ts';
import type { Fabricated } from './fabricated.ts';
import { keyOf } from './history.ts';

/** The state at a time as a restore computes it, of what it trusts. */
export class Folded implements AsyncDisposable {
  readonly ranges: readonly FoldRange[];
  readonly #fold: Fold;
  readonly #database: Duckdb;
  readonly #scratch: string;

  private constructor(fold: Fold, ranges: readonly FoldRange[], database: Duckdb, scratch: string) {
    this.#fold = fold;
    this.ranges = ranges;
    this.#database = database;
    this.#scratch = scratch;
  }

  static async open(
    made: Fabricated,
    options: { targetMs: number; rowsMax?: number; isOnlyConfirmed?: boolean },
  ): Promise<Folded> {
    const { targetMs, rowsMax = 1_000_000, isOnlyConfirmed = false } = options;
    const { store } = made.repository;
    const segments = await readTrustedSegments({
      store,
      catalog: await readCatalog(store),
      local: new Map(),
      targetMs,
      allowHoles: false,
      isOnlyConfirmed,
      onChecked: () => undefined,
    });
    return Folded.of(segments.input, made.scratch, rowsMax);
  }

  static async of(input: FoldInput, folder: string, rowsMax = 1_000_000): Promise<Folded> {
    // One of its own: it is emptied, and several may be open.
    const scratch = await mkdtemp(folder);
    const database = await Duckdb.open({ scratch, memoryMb: 200, threads: 2 });
    const fold = await Fold.open(database, input, rowsMax);
    return new Folded(fold, await fold.ranges(), database, scratch);
  }

  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (const range of this.ranges) {
      const paths = { http: join(this.#scratch, 'http'), telnet: join(this.#scratch, 'telnet') };
      await this.#fold.writeLines(range, paths);
      for (const transport of ['http', 'telnet'] as const) {
        const text = await readFile(paths[transport], 'utf8');
        lines.push(
          ...text
            .split('\n')
            .slice(0, -1)
            .map((line) => `${transport} ${line}`),
        );
      }
    }
    return lines;
  }

  async counts(): Promise<{ points: number; series: number; provisional: number; bytes: number }> {
    const sum = { points: 0, series: 0, provisional: 0, bytes: 0 };
    for (const range of this.ranges) {
      const counts = await this.#fold.count(range);
      sum.points += counts.points;
      sum.series += counts.series;
      sum.provisional += counts.provisional;
      sum.bytes += counts.bytes;
    }
    return sum;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }
}

/** Lines with their transport, by what they write; tags in any order. */
export function asMap(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.map((line) => {
      const [transport = '', ...rest] = line.split(' ');
      return [keyOf(rest.join(' ')), `${transport} ${sorted(rest.join(' '))}`];
    }),
  );
}

export function sorted(line: string): string {
  if (line.startsWith('http ')) return line;
  const [put, metric, timestamp, value, ...tags] = line.split(' ');
  return [put, metric, timestamp, value, ...tags.toSorted()].join(' ');
}
