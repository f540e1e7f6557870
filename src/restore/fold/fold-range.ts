import { sqlLiteral } from '../../archive/duckdb.ts';

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

const HOUR_MS = 3_600_000;
/** The first range is so much smaller, so that something is soon there to be sent. */
const FIRST_RANGE_PART = 16;

/** Cuts the points into ranges of metrics; a metric with more rows than that is a range of its own. The first is small. */
export function metricRangesQuery(rowsMax: number): string {
  return rangesQuery('metric', 'true', rowsMax, Math.ceil(rowsMax / FIRST_RANGE_PART));
}

export function seriesRangesQuery(metric: string, rowsMax: number): string {
  return rangesQuery('tags', `metric = ${sqlLiteral(metric)}`, rowsMax);
}

/** By whole hours: `first` and `last` are hours since the epoch. */
export function hourRangesQuery(metric: string, tags: string, rowsMax: number): string {
  const series = `metric = ${sqlLiteral(metric)} and tags = ${sqlLiteral(tags)}`;
  return rangesQuery(`instant_ms // ${HOUR_MS}`, series, rowsMax);
}

export function rangeOfHours(first: number, last: number): { first: number; last: number } {
  return { first: first * HOUR_MS, last: (last + 1) * HOUR_MS - 1 };
}

function rangesQuery(key: string, condition: string, rowsMax: number, firstMax = rowsMax): string {
  // Each item goes by where its rows begin; one that is too large comes alone, after the small ones of its place.
  return `with counts as (select ${key} as k, count(*) as n from points where ${condition} group by 1),
    begins as (select k, n, sum(n) over (order by k) - n as before from counts),
    placed as (select k, n, n > ${rowsMax} as is_large,
      case when before < ${firstMax} then -1 else (before - ${firstMax}) // ${rowsMax} end as place from begins)
    select min(k) as first, max(k) as last, sum(n)::bigint as rows from placed
    group by place, is_large order by place, is_large`;
}

/** Whether a point is in the range. */
export function rangeCondition(range: FoldRange): string {
  switch (range.kind) {
    case 'metrics':
      return `metric between ${sqlLiteral(range.first)} and ${sqlLiteral(range.last)}`;
    case 'series':
      return `metric = ${sqlLiteral(range.metric)} and tags between ${sqlLiteral(range.first)} and ${sqlLiteral(range.last)}`;
    case 'instants':
      return `metric = ${sqlLiteral(range.metric)} and tags = ${sqlLiteral(range.tags)} and instant_ms between ${range.first} and ${range.last}`;
  }
}
