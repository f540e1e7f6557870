import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../runtime/errors.ts';
import { tellingFolder } from '../../runtime/random-name.ts';
import { measureFile } from '../data-object.ts';
import { type Duckdb } from '../duckdb.ts';
import { type SegmentFacts } from './segment-facts.ts';
import { formatDataName } from '../format/object-names.ts';
import { SegmentRows } from './segment-rows.ts';
import { countRowsQuery, writeSegmentStatement } from '../format/segment-table.ts';
import type { Sidecar } from '../format/sidecar.ts';

export interface BuilderOptions {
  readonly duckdb: Duckdb;
  /** For the rows, and for the segment until it is somewhere else. */
  readonly folder: string;
  readonly lane: string;
  readonly firstSeq: number;
}

/** A segment as a local file. */
export interface BuiltSegment {
  readonly facts: Readonly<SegmentFacts>;
  /** Null when no record gives a row. */
  readonly data: {
    readonly path: string;
    readonly bytes: number;
    /** Hex. */
    readonly sha256: string;
    readonly rows: number;
  } | null;
}

const FLUSH_BYTES = 512 * 1024;

/** Collects the rows of one segment in a file, in bounded memory, and makes a Parquet file of them. */
export class SegmentBuilder {
  readonly #options: BuilderOptions;
  readonly #rows: SegmentRows;
  readonly #rowsPath: string;
  readonly #dataPath: string;
  #file: FileHandle | undefined;

  constructor(options: BuilderOptions) {
    this.#options = options;
    this.#rows = new SegmentRows(options.firstSeq);
    const name = join(options.folder, randomBytes(8).toString('hex'));
    this.#rowsPath = `${name}.rows`;
    this.#dataPath = `${name}.parquet`;
  }

  get facts(): Readonly<SegmentFacts> {
    return this.#rows.facts;
  }

  /**
   * Takes the records of a frame's body from `offset` on, up to `throughSeq`, or to the first with which a segment
   * ends: then `facts.isEnd`. Returns where the next one begins. Throws UnreadableBody, and has taken nothing, on a
   * body that no writer made.
   */
  async add(body: Buffer, offset: number, throughSeq: number): Promise<number> {
    const next = this.#rows.take(body, offset, throughSeq);
    if (this.#rows.view().length >= FLUSH_BYTES) await this.#telling(this.#flush());
    return next;
  }

  /** The segment; the file is the caller's to move or remove. */
  async finish(): Promise<BuiltSegment> {
    const facts = { ...this.#rows.facts };
    return facts.rows === 0 ? { facts, data: null } : this.#telling(this.#make(facts));
  }

  async #make(facts: SegmentFacts): Promise<BuiltSegment> {
    await this.#flush();
    await this.#close();
    const { duckdb, lane } = this.#options;
    const path = this.#dataPath;
    const { hasEscapes } = this.#rows;
    const statement = { rows: this.#rowsPath, lane, target: path, hasEscapes };
    await duckdb.run(writeSegmentStatement(statement));
    await rm(this.#rowsPath);
    const [counted] = await duckdb.rows(countRowsQuery(path));
    assert(
      Number(counted?.['rows']) === facts.rows,
      'a segment holds as many rows as were written',
    );
    return { facts, data: { path, ...(await measureFile(path)), rows: facts.rows } };
  }

  /** Removes what is on the disk; nothing happens when it is gone. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.#rowsPath, { force: true });
    await rm(this.#dataPath, { force: true });
  }

  async #telling<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw tellingFolder(error, this.#rowsPath, this.#dataPath);
    }
  }

  async #flush(): Promise<void> {
    this.#file ??= await open(this.#rowsPath, 'wx');
    await this.#file.writeFile(this.#rows.view());
    this.#rows.clear();
  }

  async #close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** What a minute segment's sidecar says. */
export function sidecarOf(
  { facts, data }: BuiltSegment,
  of: Pick<Sidecar, 'lane' | 'ordinal' | 'fromMs' | 'createdAt' | 'writer'> & {
    /** For the name of its data object. */
    readonly random: string;
  },
): Sidecar {
  const { lane, ordinal, fromMs, createdAt, writer, random } = of;
  const { firstSeq, lastSeq, records, points, refused, bypasses, forks, confirmed } = facts;
  const name = { lane, level: 'minute' as const, firstSeq, lastSeq, fromMs, toMs: facts.lastMs };
  const object = formatDataName(name, random);
  return {
    ...name,
    ordinal,
    records,
    points,
    refused,
    bypasses,
    confirmed,
    instants: points === 0 ? null : { from: facts.instantMin, to: facts.instantMax },
    data: data && { object, bytes: data.bytes, sha256: data.sha256, rows: data.rows },
    createdAt,
    writer,
    ...(forks.length > 0 && { forks }),
  };
}
