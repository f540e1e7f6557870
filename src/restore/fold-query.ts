import { literal } from '../archive/duckdb.ts';
import { parquetFiles } from '../archive/parquet-files.ts';
import type { UndoneRange } from '../record/fork.ts';
import { orderedRowsQuery, setBackStatements } from './set-back.ts';

/**
 * The questions that a restore asks of the archive, in DuckDB's SQL. State at T = of all points received by T and not refused,
 * the last of each (metric, tags, instant) by (ordered_at, lane, seq, idx); `ordered_at` is the receive time, but for lanes that a
 * clock was ahead in.
 */

/** A part of the points, small enough for one fold. All bounds are inclusive. */
export type FoldRange =
  | {
      readonly kind: 'metrics';
      readonly first: string;
      readonly last: string;
      readonly rows: number;
    }
  /** Of one metric that is too large, by canonical tags. */
  | {
      readonly kind: 'series';
      readonly metric: string;
      readonly first: string;
      readonly last: string;
      readonly rows: number;
    }
  /** Of one series that is too large, epoch ms. */
  | {
      readonly kind: 'instants';
      readonly metric: string;
      readonly tags: string;
      readonly first: number;
      readonly last: number;
      readonly rows: number;
    };

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

export interface FoldCounts {
  readonly points: number;
  /** Points that the primary may still refuse. */
  readonly provisional: number;
  /** Of their lines. */
  readonly bytes: number;
  readonly telnet: number;
}

/** What a target must be able to hold. */
export interface Demands {
  /** Points received, before the fold. */
  readonly rows: number;
  readonly metrics: number;
  readonly series: number;
  /** The most tags of a series. */
  readonly tags: number;
  /** Instants of the points, epoch ms. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** When the last of them was received, epoch ms. */
  readonly receivedMs: number;
  /** With `rows`, the same for the same points in the same order of writes, and for no others. */
  readonly digest: string;
}

export interface MetricSpan {
  readonly metric: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

const COLUMNS =
  'lane, seq, idx, received_at, transport, kind, metric, tags, timestamp, instant_ms, value, payload';
/** In canonical order; what the archive encodes a put line carries as it is. */
const TAGS_AS_SENT = "case when contains(tags, '%') then url_decode(tags) else tags end";
/** The log's own line of a row. */
const LINE = `case when kind = 'put-json' then 'http POST /api/put ' || payload
    else 'put ' || metric || ' ' || timestamp || ' ' || value || ' ' || ${TAGS_AS_SENT} end`;
const HOUR_MS = 3_600_000;
/** The first range is so much smaller, so that something is soon there to be sent. */
const FIRST_RANGE_PART = 16;
/** Between the lines that came by HTTP and those that came by telnet. */
export const SECTION_END = '-';
/** What would end a field or its line is a blank. */
const FIELD_OF_VALUE = `translate(coalesce(value, ''), chr(9) || chr(10) || chr(13), '   ')`;
/** How a column of texts is written as they are, one a line. */
const AS_LINES = `(format csv, header false, quote '', escape '', delimiter '\x01')`;
/** OpenTSDB's rows begin at seconds of four bytes: what is later than those can hold shows at an earlier time. */
const SHOWN_MS = `case when instant_ms < 4294967296000 then instant_ms
  else ((instant_ms // 1000) % 4294967296) * 1000 + instant_ms % 1000 end`;

/**
 * Statements that make the views `points` and `refused_points` (and the table `refused` that they need: as it is told, some twice
 * and some of other times, since to sort that out takes more memory than to pass it by).
 */
export function viewStatements(input: FoldInput): string[] {
  const { throughMs, unconfirmed, isOnlyConfirmed } = input;
  const open = [...unconfirmed].map(
    ([lane, seq]) => `(p.lane = ${literal(lane)} and p.seq > ${seq})`,
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
  ];
}

/** Cuts the points into ranges of metrics; a metric with more rows than that is a range of its own. The first is small. */
export function metricRangesQuery(rowsMax: number): string {
  return rangesQuery('metric', 'true', rowsMax, Math.ceil(rowsMax / FIRST_RANGE_PART));
}

export function seriesRangesQuery(metric: string, rowsMax: number): string {
  return rangesQuery('tags', `metric = ${literal(metric)}`, rowsMax);
}

/** By whole hours: `first` and `last` are hours since the epoch. */
export function hourRangesQuery(metric: string, tags: string, rowsMax: number): string {
  const series = `metric = ${literal(metric)} and tags = ${literal(tags)}`;
  return rangesQuery(`instant_ms // ${HOUR_MS}`, series, rowsMax);
}

export function rangeOfHours(first: number, last: number): { first: number; last: number } {
  return { first: first * HOUR_MS, last: (last + 1) * HOUR_MS - 1 };
}

/** Makes the table `folded`: the state within a range. */
export function foldStatement(range: FoldRange): string {
  return `create or replace temp table folded as
    select metric, tags, instant_ms, transport, kind, timestamp, value, payload, provisional from (${foldQuery(range)})`;
}

/** Counts of the table `folded`. */
export const COUNT_FOLDED = `select count(*) as points, count(*) filter (provisional) as provisional,
  coalesce(sum(strlen(${LINE}) + 1), 0)::bigint as bytes, count(*) filter (transport = 'telnet') as telnet from folded`;

/** Writes the lines of the state within a range: those that came by HTTP, SECTION_END, those by telnet; each in the order of series. */
export function writeLinesStatement(range: FoldRange, path: string): string {
  return `copy (select line from (
      select case transport when 'telnet' then 2 else 0 end as section, metric, tags, instant_ms, ${LINE} as line
      from (${foldQuery(range)})
      union all select 1, '', '', 0, ${literal(SECTION_END)})
    order by section, metric, tags, instant_ms)
    to ${literal(path)} ${AS_LINES}`;
}

/** How many points of the state within a range are provisional, from the instants that have such points only. */
export function provisionalQuery(range: FoldRange): string {
  const touched = `select distinct metric, tags, instant_ms from points where ${rangeCondition(range)} and provisional`;
  return `with touched as (${touched})
    select count(*) filter (provisional) as provisional from (${foldQuery(range, 'semi join touched using (metric, tags, instant_ms)')})`;
}

/** The state within a range: the last row of each instant. */
function foldQuery(range: FoldRange, join = ''): string {
  return `select * from (
      select *, lead(instant_ms) over (
        partition by metric, tags order by instant_ms, ordered_at, lane, seq, idx) as next_ms
      from points ${join} where ${rangeCondition(range)})
    where next_ms is null or next_ms <> instant_ms`;
}

/** Writes the cells of the table `folded` for a comparison: metric, tags, instant, transport and value between tabs. */
export function writeCellsStatement(order: 'by instant' | 'by series', path: string): string {
  const columns = order === 'by instant' ? 'metric, shown_ms, tags' : 'metric, tags, shown_ms';
  const cell = `concat_ws(chr(9), metric, tags, shown_ms, transport, ${FIELD_OF_VALUE})`;
  return `copy (select ${cell} from (select *, ${SHOWN_MS} as shown_ms from folded) order by ${columns})
    to ${literal(path)} ${AS_LINES}`;
}

/**
 * Writes what is known of wanted cells. These are lines of number, metric, tags and instant between tabs; what is written, for
 * those of which something is known, likewise: number, whether some write of it was refused (0 or 1), and of the last that was
 * not its transport, value and line, all empty when there is none; by number.
 */
export function lookUpStatement(wantedPath: string, path: string): string {
  const wanted = `(select * from read_csv(${literal(wantedPath)}, header = false, delim = '\t', quote = '', escape = '',
    columns = {'n': 'bigint', 'metric': 'varchar', 'tags': 'varchar', 'instant_ms': 'bigint'}))`;
  const key = 'using (metric, tags, instant_ms)';
  return `copy (with wanted as materialized ${wanted},
      written as (select w.n, p.*, row_number() over (
          partition by w.n order by ordered_at desc, lane desc, seq desc, idx desc) as place
        from (select *, ${LINE} as line from points) p join wanted w ${key}),
      spurned as (select distinct w.n from refused_points p join wanted w ${key})
    select concat_ws(chr(9), coalesce(w.n, s.n), case when s.n is null then 0 else 1 end,
      coalesce(transport, ''), ${FIELD_OF_VALUE}, coalesce(line, ''))
    from (select * from written where place = 1) w full join spurned s on w.n = s.n
    order by coalesce(w.n, s.n))
    to ${literal(path)} ${AS_LINES}`;
}

/** What of the names and instants a target must be able to take, over all points. */
export const DEMANDS_QUERY = `select coalesce(sum(n), 0)::bigint as rows, count(distinct metric) as metrics, count(*) as series,
  coalesce(max(len(string_split(tags, ' '))), 0) as tags,
  coalesce(min(first_ms), 0) as first_ms, coalesce(max(last_ms), 0) as last_ms,
  coalesce(max(received_ms), 0) as received_ms, coalesce(sum(hashes), 0)::varchar as digest from (
    select metric, tags, count(*) as n, min(instant_ms) as first_ms, max(instant_ms) as last_ms,
      max(received_at) as received_ms, sum(hash(lane, seq, idx, ordered_at)::hugeint) as hashes
    from points group by metric, tags)`;

/** The characters of names; those of tags that are encoded are asked for apart. */
export const CHARACTERS_QUERY = `select string_agg(distinct c, '') as plain from (
  select unnest(string_split(name, '')) as c from (
    select distinct metric as name from points union
    select distinct replace(replace(tags, '=', ''), ' ', '') from points where not contains(tags, '%')))`;

export const ENCODED_TAGS_QUERY = `select distinct tags from points where contains(tags, '%') limit 100000`;

/** The metrics, with the instants of each, in order. */
export const METRICS_QUERY =
  'select metric, min(instant_ms) as first_ms, max(instant_ms) as last_ms from points group by metric order by metric';

/** Changes round the log, received by then: the primary holds what no restore can. */
export function bypassQuery(files: readonly string[], throughMs: number): string {
  return `select received_at, payload from ${readParquet(files)}
    where kind = 'bypass' and received_at <= ${throughMs} order by received_at, lane, seq`;
}

function rangesQuery(key: string, condition: string, rowsMax: number, firstMax = rowsMax): string {
  // Each item goes by where its rows begin; one that is too large comes alone, behind the small ones of its place.
  return `with counts as (select ${key} as k, count(*) as n from points where ${condition} group by 1),
    begins as (select k, n, sum(n) over (order by k) - n as before from counts),
    placed as (select k, n, n > ${rowsMax} as is_large,
      case when before < ${firstMax} then -1 else (before - ${firstMax}) // ${rowsMax} end as place from begins)
    select min(k) as first, max(k) as last, sum(n)::bigint as rows from placed
    group by place, is_large order by place, is_large`;
}

function rangeCondition(range: FoldRange): string {
  switch (range.kind) {
    case 'metrics':
      return `metric between ${literal(range.first)} and ${literal(range.last)}`;
    case 'series':
      return `metric = ${literal(range.metric)} and tags between ${literal(range.first)} and ${literal(range.last)}`;
    case 'instants':
      return `metric = ${literal(range.metric)} and tags = ${literal(range.tags)} and instant_ms between ${range.first} and ${range.last}`;
  }
}

/** The rows of all files but those of undone records. */
function countingRows({ files, undone }: FoldInput): string {
  if (undone.length === 0) return rowsQuery(files);
  const ranges = undone.map(
    ({ lane, from, to }) => `(lane = ${literal(lane)} and seq between ${from} and ${to})`,
  );
  return `select * from (${rowsQuery(files)}) where not (${ranges.join(' or ')})`;
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

function readParquet(paths: readonly string[]): string {
  // Or `lane=x` in the path of the repository would be the lane of every row.
  return `read_parquet(${parquetFiles(paths)}, hive_partitioning = false)`;
}
