import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export interface FoldDatabaseOptions {
  /** A folder of its own, for what doesn't fit into memory. */
  readonly scratch: string;
  readonly memoryMb: number;
  readonly threads: number;
}

/** DuckDB in memory, with a limit; nothing else uses it. */
export class FoldDatabase {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(options: FoldDatabaseOptions): Promise<FoldDatabase> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${options.memoryMb}MiB`,
      threads: String(options.threads),
      temp_directory: options.scratch,
      // What it needs is built in: nothing is fetched, whatever a query asks for.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return new FoldDatabase(instance, await instance.connect());
  }

  async run(statement: string): Promise<void> {
    await this.#connection.run(statement);
  }

  /** All rows: for answers that are small. */
  async rows(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const reader = await this.#connection.runAndReadAll(query);
    return reader.getRowObjectsJS();
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}
