import { sqlLiteral } from './duckdb.ts';

/**
 * Files as a list for `read_parquet` and its like. Those would take `*`, `?` and `[` in a path for a pattern and read
 * other files that match it.
 */
export function parquetFiles(paths: readonly string[]): string {
  const literals = paths.map((path) =>
    sqlLiteral(path.replaceAll(/[*?[]/g, (character) => `[${character}]`)),
  );
  return `[${literals.join(', ')}]`;
}
