import { sqlLiteral } from '../../archive/duckdb.ts';
import { type FoldRange, rangeCondition } from './fold-range.ts';
import { readParquet } from './points-view.ts';

/**
 * The questions that a restore asks of the archive's points (`viewStatements`), in DuckDB's SQL. State at T = of all points received
 * by T and not refused, the last of each (metric, tags, instant) by (ordered_at, lane, seq, idx); `ordered_at` is the receive time,
 * but for lanes that a clock was ahead in.
 */

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

export interface MetricExtent {
  readonly metric: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** In canonical order; what the archive encodes a put line carries as it is. */
const TAGS_AS_SENT = "case when contains(tags, '%') then url_decode(tags) else tags end";
/** The log's own line of a row. */
const LINE = `case when kind = 'put-json' then 'http POST /api/put ' || payload
    else 'put ' || metric || ' ' || timestamp || ' ' || value || ' ' || ${TAGS_AS_SENT} end`;
/** Between the values of undone writes. */
export const VALUE_END = '\x1f';
/** Between the lines that came by HTTP and those that came by telnet. */
export const SECTION_END = '-';
/** What would end a field or its line is a blank. */
const FIELD_OF_VALUE = `translate(coalesce(value, ''), chr(9) || chr(10) || chr(13), '   ')`;
/** How a column of texts is written as they are, one a line. */
const AS_LINES = `(format csv, header false, quote '', escape '', delimiter '\x01')`;
/** OpenTSDB's rows begin at seconds of four bytes: what is later than those can hold shows at an earlier time. */
const SHOWN_MS = `case when instant_ms < 4294967296000 then instant_ms
  else ((instant_ms // 1000) % 4294967296) * 1000 + instant_ms % 1000 end`;

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
      union all select 1, '', '', 0, ${sqlLiteral(SECTION_END)})
    order by section, metric, tags, instant_ms)
    to ${sqlLiteral(path)} ${AS_LINES}`;
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
    to ${sqlLiteral(path)} ${AS_LINES}`;
}

/**
 * Writes what is known of wanted cells. These are lines of number, metric, tags and instant between tabs; what is written, for
 * those of which something is known, likewise: number, whether some write of it was refused (0 or 1), the values of its writes that
 * are undone, each ended by VALUE_END, and of the last that is neither when it was received, its transport, value and line, all empty
 * when there is none; by number.
 */
export function lookUpStatement(wantedPath: string, path: string): string {
  const wanted = `(select * from read_csv(${sqlLiteral(wantedPath)}, header = false, delim = '\t', quote = '', escape = '',
    columns = {'n': 'bigint', 'metric': 'varchar', 'tags': 'varchar', 'instant_ms': 'bigint'}))`;
  const key = 'using (metric, tags, instant_ms)';
  return `copy (with wanted as materialized ${wanted},
      written as (select w.n, p.*, row_number() over (
          partition by w.n order by ordered_at desc, lane desc, seq desc, idx desc) as place
        from (select *, ${LINE} as line from points) p join wanted w ${key}),
      spurned as (select distinct w.n from refused_points p join wanted w ${key}),
      undone as (select w.n, string_agg(distinct ${FIELD_OF_VALUE} || ${sqlLiteral(VALUE_END)}, '') as past
        from undone_points p join wanted w ${key} group by w.n)
    select concat_ws(chr(9), n, case when s.n is null then 0 else 1 end, coalesce(past, ''),
      coalesce(ordered_at::varchar, ''), coalesce(transport, ''), ${FIELD_OF_VALUE}, coalesce(line, ''))
    from (select * from written where place = 1) w full join spurned s using (n) full join undone u using (n)
    order by n)
    to ${sqlLiteral(path)} ${AS_LINES}`;
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

/** Changes round the log, received by then: the primary holds what no restore can. Each once, though several files may have it. */
export function bypassQuery(files: readonly string[], throughMs: number): string {
  return `select distinct lane, seq, received_at, payload from ${readParquet(files)}
    where kind = 'bypass' and received_at <= ${throughMs} order by received_at, lane, seq`;
}
