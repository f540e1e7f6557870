import { sqlLiteral } from '../duckdb.ts';
import type { SegmentName } from '../format/object-names.ts';
import type { SearchedFile } from './searched-segments.ts';
import { SEGMENT_COLUMNS, segmentRows } from '../format/segment-table.ts';
import { spanCondition, type TimeSpan } from './write-filter.ts';

/** Makes the table `refused`: which lines of which records the primary refused, and why; of the segments that are asked about. */
export function refusedStatement(
  files: readonly SearchedFile[],
  asked: readonly SegmentName[],
): string {
  if (files.length === 0) {
    return 'create or replace table refused (lane varchar, seq bigint, idx integer, error varchar)';
  }
  const ranges = [...sequenceRanges(asked)].map(
    ([lane, { first, last }]) =>
      `(lane = ${sqlLiteral(lane)} and seq between ${first} and ${last})`,
  );
  return `create or replace table refused as select lane, seq, line.index as idx, coalesce(min(line.error), '') as error from (
      select payload ->> '$.lane' as lane, (payload ->> '$.seq')::bigint as seq,
        unnest(from_json(payload -> '$.refused', '[{"index":"INTEGER","error":"VARCHAR"}]')) as line
      from (${rowsOf(files)}) where kind = 'outcome')
    where ${ranges.join(' or ') || 'false'} group by all`;
}

/** From the first to the last of each lane. */
function sequenceRanges(
  segments: readonly SegmentName[],
): Map<string, { readonly first: number; readonly last: number }> {
  const ranges = new Map<string, { readonly first: number; readonly last: number }>();
  for (const { lane, firstSeq, lastSeq } of segments) {
    const { first, last } = ranges.get(lane) ?? { first: firstSeq, last: lastSeq };
    ranges.set(lane, { first: Math.min(first, firstSeq), last: Math.max(last, lastSeq) });
  }
  return ranges;
}

/** The writes that fit, in the order in which they were received; `error` of those that the primary refused. */
export function writesQuery(
  files: readonly SearchedFile[],
  condition: string,
  limit: number,
): string {
  const end = Number.isFinite(limit) ? ` limit ${limit}` : '';
  return `select w.*, r.error from (select * from (${rowsOf(files)}) where ${condition}) w
    left join refused r on r.lane = w.lane and r.seq = w.seq and r.idx = w.idx
    order by w.received_at, w.lane, w.seq, w.idx${end}`;
}

/** Changes that went to the primary without being logged. */
export function bypassesQuery(files: readonly SearchedFile[], received: TimeSpan): string {
  return `select lane, seq, received_at, payload from (${rowsOf(files)})
    where kind = 'bypass' and ${spanCondition('received_at', received)} order by received_at, lane, seq`;
}

/** At least one file. */
function rowsOf(files: readonly SearchedFile[]): string {
  const columns = SEGMENT_COLUMNS.join(', ');
  const whole = files.filter(({ firstSeq, sidecar }) => firstSeq === sidecar.firstSeq);
  const parts = whole.length > 0 ? [segmentRows(whole.map(({ path }) => path))] : [];
  const queries = parts.map((part) => `select ${columns} from ${part}`);
  for (const { path, firstSeq, sidecar } of files) {
    if (firstSeq === sidecar.firstSeq) continue;
    queries.push(`select ${columns} from ${segmentRows([path])} where seq >= ${firstSeq}`);
  }
  return queries.join(' union all ');
}
