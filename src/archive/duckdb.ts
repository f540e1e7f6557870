import { mkdir, rm } from 'node:fs/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export interface DuckdbOptions {
  /** A folder of its own for what doesn't fit into memory. Emptied: a killed process leaves gigabytes. */
  readonly scratch: string;
  /** Beyond this DuckDB uses the scratch folder; the process itself comes on top. */
  readonly memoryMb: number;
  readonly threads: number;
  /** When it aborts, the statement that is under way rejects, and so does any later one. */
  readonly signal?: AbortSignal | undefined;
}

/** What DuckDB says against a statement. */
export class DuckdbError extends Error {
  override readonly name = 'DuckdbError';

  /** Its own state is in doubt: the instance, and better the process, is of no more use. */
  get isFatal(): boolean {
    return /^(INTERNAL|FATAL) Error|database has been invalidated/.test(this.message);
  }
}

/** A DuckDB in memory, which reads and writes Parquet for us. One statement at a time; rejects with DuckdbError. */
export class Duckdb {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.interrupt();

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    signal: AbortSignal | undefined,
  ) {
    this.#instance = instance;
    this.#connection = connection;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  static async open({ scratch, memoryMb, threads, signal }: DuckdbOptions): Promise<Duckdb> {
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${memoryMb}MiB`,
      threads: String(threads),
      temp_directory: scratch,
      // The log's own order is in the columns, and every statement that needs it sorts.
      preserve_insertion_order: 'false',
      // Nothing is ever fetched from elsewhere.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return new Duckdb(instance, await instance.connect(), signal);
  }

  /** Returns how many rows were written or changed. */
  async run(sql: string): Promise<number> {
    this.#signal?.throwIfAborted();
    return (await told(this.#connection.run(sql))).rowsChanged;
  }

  /** All rows at once. Whole numbers of 64 bits come as bigint. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    this.#signal?.throwIfAborted();
    return (await told(this.#connection.runAndReadAll(sql))).getRowObjectsJS();
  }

  /** The same, some rows at a time and in bounded memory; ask for nothing else before it ended. */
  async *stream(sql: string): AsyncGenerator<Record<string, unknown>[]> {
    this.#signal?.throwIfAborted();
    const result = await told(this.#connection.stream(sql));
    const chunks = result.yieldRowObjectJs();
    for (;;) {
      const next: IteratorResult<Record<string, unknown>[], unknown> = await told(chunks.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Ends the statement that is under way: it rejects. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new DuckdbError((cause as Error).message, { cause });
  }
}

/** A text as a literal of DuckDB's SQL. */
export function sqlLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
