import { sqlLiteral } from '../../archive/duckdb.ts';
import { parquetFiles } from '../../archive/parquet-files.ts';
import type { UndoneRange } from '../../record/fork.ts';
import { orderedRowsQuery, setBackStatements } from './set-back.ts';

/** A file of segment rows, and what of it counts. */
export interface FoldFile {
  readonly path: string;
  /** Only these sequences, when another file holds the others; all of them when undefined. */
  readonly only: { readonly firstSeq: number; readonly lastSeq: number } | undefined;
}

export interface FoldInput {
  /** Hold every point received by `throughMs`. */
  readonly files: readonly FoldFile[];
  /** Hold what the primary refused. */
  readonly outcomeFiles: readonly string[];
  readonly throughMs: number;
  /** What was written there counts no more. */
  readonly undone: readonly UndoneRange[];
  /** Lanes that a clock was ahead in, with the time that their records are ordered by at the latest, epoch ms. */
  readonly setBack: ReadonlyMap<string, number>;
  /** Lanes of which not all is confirmed by the primary, with the last sequence that is. */
  readonly unconfirmed: ReadonlyMap<string, number>;
  readonly isOnlyConfirmed: boolean;
}

const COLUMNS =
  'lane, seq, idx, received_at, transport, kind, metric, tags, timestamp, instant_ms, value, payload';

/**
 * Statements that make the views `points`, `refused_points` and `undone_points`, refused or not (and the table `refused` that they need: as it is told, some twice
 * and some of other times, since to sort that out takes more memory than to pass it by).
 */
export function viewStatements(input: FoldInput): string[] {
  const { throughMs, unconfirmed, isOnlyConfirmed } = input;
  const open = [...unconfirmed].map(
    ([lane, seq]) => `(p.lane = ${sqlLiteral(lane)} and p.seq > ${seq})`,
  );
  const isProvisional = open.length === 0 ? 'false' : open.join(' or ');
  const conditions = [
    "p.kind in ('put', 'put-json')",
    `p.received_at <= ${throughMs}`,
    ...(isOnlyConfirmed ? [`not (${isProvisional})`] : []),
  ];
  return [
    ...setBackStatements(input.setBack),
    `create view rows as ${countingRows(input)}`,
    `create table refused as ${refusedQuery(input.outcomeFiles)}`,
    `create view refused_points as select p.* from rows p
     semi join refused r on p.lane = r.lane and p.seq = r.seq and p.idx = r.idx where p.received_at <= ${throughMs}`,
    `create view points as select p.*, ${isProvisional} as provisional from (${orderedRowsQuery(input.setBack)}) p
     anti join refused r on p.lane = r.lane and p.seq = r.seq and p.idx = r.idx
     where ${conditions.join(' and ')}`,
    `create view undone_points as select * from (${undoneRows(input)})
     where kind in ('put', 'put-json') and received_at <= ${throughMs}`,
  ];
}

/** The rows of all files but those of undone records. */
function countingRows({ files, undone }: FoldInput): string {
  if (undone.length === 0) return rowsQuery(files);
  return `select * from (${rowsQuery(files)}) where not (${inRanges(undone)})`;
}

function undoneRows({ files, undone }: FoldInput): string {
  if (undone.length === 0) return NO_ROWS;
  return `select * from (${rowsQuery(files)}) where ${inRanges(undone)}`;
}

function inRanges(ranges: readonly UndoneRange[]): string {
  return ranges
    .map(({ lane, from, to }) => `(lane = ${sqlLiteral(lane)} and seq between ${from} and ${to})`)
    .join(' or ');
}

function rowsQuery(files: readonly FoldFile[]): string {
  const whole = files.filter(({ only }) => only === undefined).map(({ path }) => path);
  const parts = whole.length > 0 ? [`select ${COLUMNS} from ${readParquet(whole)}`] : [];
  for (const { path, only } of files) {
    if (only === undefined) continue;
    const clip = `seq between ${only.firstSeq} and ${only.lastSeq}`;
    parts.push(`select ${COLUMNS} from ${readParquet([path])} where ${clip}`);
  }
  return parts.length > 0 ? parts.join(' union all ') : NO_ROWS;
}

function refusedQuery(files: readonly string[]): string {
  if (files.length === 0) return "select '' as lane, 0 as seq, 0 as idx where false";
  return `select payload ->> '$.lane' as lane, (payload ->> '$.seq')::bigint as seq,
    unnest(from_json(payload -> '$.refused', '[{"index":"INTEGER"}]')).index as idx
    from ${readParquet(files)} where kind = 'outcome'`;
}

const NO_ROWS = `select ''::varchar as lane, 0::bigint as seq, 0::integer as idx, 0::bigint as received_at,
  ''::varchar as transport, ''::varchar as kind, ''::varchar as metric, ''::varchar as tags, 0::bigint as timestamp,
  0::bigint as instant_ms, ''::varchar as value, ''::varchar as payload where false`;

export function readParquet(paths: readonly string[]): string {
  // Or `lane=x` in the path of the repository would be the lane of every row.
  return `read_parquet(${parquetFiles(paths)}, hive_partitioning = false)`;
}
