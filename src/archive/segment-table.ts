import { literal } from './duckdb.ts';
import type { Level } from './object-names.ts';
import { parquetFiles } from './parquet-files.ts';

/**
 * The table that every segment holds, one row for each point and for each control line that matters
 * to a restore; docs/FORMATS.md explains the columns. It can't be changed, only added to.
 */
export const SEGMENT_COLUMNS = [
  'lane',
  'seq',
  'idx',
  'received_at',
  'transport',
  'source',
  'kind',
  'metric',
  'tags',
  'timestamp',
  'instant_ms',
  'value',
  'payload',
] as const;

/** Sorting by series packs best, and lets a reader of one metric skip the rest. */
const ROW_ORDER = 'metric, tags, instant_ms, seq, idx';

/** DELTA_BINARY_PACKED for times comes with the small dictionary limit; without it a point takes half as much again. */
const PARQUET_OPTIONS =
  'format parquet, compression zstd, parquet_version v2, dictionary_size_limit 2000';

/** Minutes and hours are soon part of a day, which stays for years: there an eighth less is worth twice the time. */
const COMPRESSION_LEVEL: Record<Level, number> = { minute: 9, hour: 9, day: 19 };

/** The fields of a line of the rows file, which DuckDB reads (segment-rows.ts writes it). */
const ROW_FIELDS = {
  seq: 'BIGINT',
  received_at: 'BIGINT',
  transport: 'VARCHAR',
  source: 'VARCHAR',
  idx: 'INTEGER',
  kind: 'VARCHAR',
  metric: 'VARCHAR',
  timestamp: 'BIGINT',
  value: 'VARCHAR',
  tags: 'VARCHAR',
  payload: 'VARCHAR',
} as const;

/** In the rows file: no value. */
export const NULL_FIELD = '\u0001\u0001';
/** In the rows file: what stands for characters that would end a field or a line. */
const ESCAPES: readonly (readonly [string, string])[] = [
  ['\t', '\u0001t'],
  ['\n', '\u0001n'],
  ['\r', '\u0001r'],
  // Last, so that undoing it makes nothing that looks like one of the others.
  ['\u0001', '\u00011'],
];

// oxlint-disable-next-line no-control-regex -- these are what it is about.
const ESCAPED = /[\u0001\t\n\r]/g;

/** A text as a field of the rows file. */
export function escapeField(text: string): string {
  return text.replaceAll(ESCAPED, (found) => ESCAPES.find(([one]) => one === found)?.[1] ?? found);
}

/** A record is at most 256 KiB, and a row says its words at most twice, each byte in three. DuckDB's default buffer would be 16 such lines. */
const ROW_BYTES_MAX = 2 * 1024 * 1024;

const CSV_DIALECT = `auto_detect=false, header=false, delim='\t', quote='', escape='', comment='', new_line='\\n', nullstr='${NULL_FIELD}', max_line_size=${ROW_BYTES_MAX}, buffer_size=${2 * ROW_BYTES_MAX}`;

/** The statement that makes a segment of a rows file. `hasEscapes`: whether one of ESCAPES occurs in it. */
export function writeSegmentStatement(options: {
  readonly rows: string;
  readonly lane: string;
  readonly target: string;
  readonly hasEscapes: boolean;
}): string {
  const types = Object.entries(ROW_FIELDS).map(([field, type]) => `'${field}': '${type}'`);
  const columns = SEGMENT_COLUMNS.map((column) => {
    if (column === 'lane') return `${literal(options.lane)} as lane`;
    if (column === 'instant_ms') return INSTANT;
    const isText = ROW_FIELDS[column] === 'VARCHAR';
    return isText && options.hasEscapes ? `${unescaped(column)} as ${column}` : column;
  });
  const source = `read_csv(${parquetFiles([options.rows])}, ${CSV_DIALECT}, columns={${types.join(', ')}})`;
  return copyStatement('minute', `select ${columns.join(', ')} from ${source}`, options.target);
}

/** The statement that makes one segment of the rows of others. */
export function mergeSegmentsStatement(
  level: Level,
  files: readonly string[],
  target: string,
): string {
  const query = `select ${SEGMENT_COLUMNS.join(', ')} from ${segmentRows(files)}`;
  return copyStatement(level, query, target);
}

/** Counts the rows of segments, and sums them up: `digest` is the same for the same rows in whichever order. */
export function digestQuery(files: readonly string[]): string {
  return `select count(*) as rows, sum(hash(${SEGMENT_COLUMNS.join(', ')})::hugeint)::varchar as digest
    from ${segmentRows(files)}`;
}

/** All rows of these segments, for a `from` clause; at least one file. */
export function segmentRows(files: readonly string[]): string {
  return `read_parquet(${parquetFiles(files)}, hive_partitioning=false)`;
}

/** How many rows a segment holds, by its own word. */
export function countRowsQuery(file: string): string {
  return `select num_rows as rows from parquet_file_metadata(${parquetFiles([file])})`;
}

const INSTANT =
  'case when "timestamp" > 4294967295 then "timestamp" else "timestamp" * 1000 end as instant_ms';

function copyStatement(level: Level, query: string, target: string): string {
  const options = `${PARQUET_OPTIONS}, compression_level ${COMPRESSION_LEVEL[level]}`;
  return `copy (${query} order by ${ROW_ORDER}) to ${literal(target)} (${options})`;
}

function unescaped(column: string): string {
  let text: string = column;
  for (const [character, escape] of ESCAPES) {
    text = `replace(${text}, ${characters(escape)}, ${characters(character)})`;
  }
  return text;
}

function characters(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `chr(${byte})`).join(' || ');
}
