import { sqlLiteral } from '../duckdb.ts';
import { parquetFiles } from '../parquet-files.ts';

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

/**
 * Rows packed together in what is merged. The points of one record, scattered by series, say its receive time again
 * and again: with many series of an hour in one group, packing finds most of that, and a point takes a quarter less.
 */
const MERGED_GROUP_ROWS = 368_640;

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
    if (column === 'lane') return `${sqlLiteral(options.lane)} as lane`;
    if (column === 'instant_ms') return INSTANT;
    const isText = ROW_FIELDS[column] === 'VARCHAR';
    return isText && options.hasEscapes ? `${unescaped(column)} as ${column}` : column;
  });
  const source = `read_csv(${parquetFiles([options.rows])}, ${CSV_DIALECT}, columns={${types.join(', ')}})`;
  const query = `select ${columns.join(', ')} from ${source} order by ${ROW_ORDER}`;
  return copyStatement(query, options.target, 'compression_level 9');
}

export interface MergeManner {
  /** By series, over all files; otherwise the rows of one come after those of the other, if DuckDB keeps their order. */
  readonly isSorted: boolean;
  /** 19 packs a fifth better than 9, and takes five times as long. */
  readonly compressionLevel: 9 | 19;
}

/** The statement that makes one segment of the rows of others. */
export function mergeSegmentsStatement(
  files: readonly string[],
  target: string,
  { isSorted, compressionLevel }: MergeManner,
): string {
  const rows = `select ${SEGMENT_COLUMNS.join(', ')} from ${segmentRows(files)}`;
  const query = isSorted ? `${rows} order by ${ROW_ORDER}` : rows;
  const options = `compression_level ${compressionLevel}, row_group_size ${MERGED_GROUP_ROWS}`;
  return copyStatement(query, target, options);
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

function copyStatement(query: string, target: string, options: string): string {
  return `copy (${query}) to ${sqlLiteral(target)} (${PARQUET_OPTIONS}, ${options})`;
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
