import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { readCatalog } from '../../../src/archive/holdings/catalog.ts';
import { Duckdb } from '../../../src/archive/duckdb.ts';
import { Fold } from '../../../src/restore/fold/fold.ts';
import type { Demands, FoldCounts } from '../../../src/restore/fold/fold-query.ts';
import type { FoldRange } from '../../../src/restore/fold/fold-range.ts';
import type { FoldInput } from '../../../src/restore/fold/points-view.ts';
import { readTrustedSegments } from '../../../src/restore/segments/trusted-segments.ts';
import type { Fabricated } from './fabricated.ts';
import { keyOf } from './history.ts';
import { readLineFile } from './line-files.ts';

/** The state at a time as a restore computes it, of what it trusts. */
export class Folded implements AsyncDisposable {
  readonly ranges: readonly FoldRange[];
  /** Lines that are, as far as they were written. */
  provisional = 0;
  #bypassFiles: readonly string[] = [];
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
    options: { asOfMs: number; rowsMax?: number; isOnlyConfirmed?: boolean },
  ): Promise<Folded> {
    const { asOfMs, rowsMax = 1_000_000, isOnlyConfirmed = false } = options;
    const { store } = made.repository;
    const segments = await readTrustedSegments({
      store,
      catalog: await readCatalog(store),
      local: new Map(),
      asOfMs,
      allowHoles: false,
      isOnlyConfirmed,
      onChecked: () => undefined,
    });
    const folded = await Folded.of(segments.input, made.scratch, rowsMax);
    folded.#bypassFiles = segments.bypassFiles;
    return folded;
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
    this.provisional = 0;
    for (const range of this.ranges) {
      const path = join(this.#scratch, 'lines');
      this.provisional += await this.#fold.writeLines(range, path);
      lines.push(...(await readLineFile(path)));
    }
    return lines;
  }

  demands(): Promise<Demands> {
    return this.#fold.demands();
  }

  bypasses(throughMs: number): ReturnType<Fold['bypasses']> {
    return this.#fold.bypasses(this.#bypassFiles, throughMs);
  }

  async counts(): Promise<FoldCounts & { series: number }> {
    const sum = { points: 0, provisional: 0, bytes: 0, telnet: 0 };
    for (const range of this.ranges) {
      const { points, provisional, bytes, telnet } = await this.#fold.count(range);
      sum.points += points;
      sum.provisional += provisional;
      sum.bytes += bytes;
      sum.telnet += telnet;
    }
    return { ...sum, series: (await this.#fold.demands()).series };
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
