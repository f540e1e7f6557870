import type { Span } from './object-names.ts';
import { parquetFiles } from '../parquet-files.ts';
import { SEGMENT_COLUMNS } from './segment-table.ts';

/** What the rows of a data object come to. */
export interface ContentFacts {
  readonly rows: number;
  readonly points: number;
  /** Outcome rows. */
  readonly refused: number;
  readonly bypasses: number;
  /** Rows that say what is undone. */
  readonly forks: number;
  /** Of its rows, both inclusive; undefined without one. */
  readonly seqs: Range | undefined;
  /** Receive times, epoch ms. */
  readonly receivedAt: Range | undefined;
  /** Data times of the points, epoch ms. */
  readonly instants: Range | undefined;
  /** Rows that are of another lane, or lack what every row has. */
  readonly foreign: number;
  /** The same for the same rows, in whichever order. */
  readonly digest: bigint;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Content extends ContentFacts {
  /** Of the rows that each of the parts asked for has. */
  readonly parts: readonly ContentFacts[];
  /** Rows with the position of another one. */
  readonly repeated: number;
}

/** Asks for what the rows of a file come to, as a whole and part by part. */
export interface ContentQuestion {
  readonly path: string;
  readonly lane: string;
  /** In order, apart from each other. */
  readonly parts: readonly Pick<Span, 'firstSeq' | 'lastSeq'>[];
}

/** Runs a statement of DuckDB's SQL, and gives all rows. */
export type RunQuery = (sql: string) => Promise<Record<string, unknown>[]>;

/** Of several files of one lane; only a single one may be asked part by part. Rejects when one can't be read. */
export async function readContents(
  run: RunQuery,
  questions: readonly ContentQuestion[],
): Promise<Content[]> {
  const [first] = questions;
  if (first === undefined) return [];
  const parts = questions.length === 1 ? first.parts : [];
  const files = parquetFiles(questions.map(({ path }) => path));
  const rows = await run(factsQuery(files, first.lane, parts));
  const all = sumOf(rows.map(factsOf));
  const repeated = new Map<unknown, number>();
  for (const slice of slicesOf(all)) {
    for (const row of await run(repeatedQuery(files, slice))) {
      const before = repeated.get(row['filename']) ?? 0;
      repeated.set(row['filename'], before + Number(row['repeated']));
    }
  }
  return questions.map(({ path }) => {
    const own = rows.filter(({ filename }) => filename === path);
    const facts = new Map(own.map((row) => [Number(row['part']), factsOf(row)]));
    return {
      ...sumOf([...facts.values()]),
      parts: parts.map((_, part) => facts.get(part) ?? NO_ROWS),
      repeated: repeated.get(path) ?? 0,
    };
  });
}

/** Rows whose positions fit into memory, at some tens of bytes each. */
const SLICE_ROWS_MAX = 4_000_000;

/** Cuts the sequences so that none of the slices has too many rows, if they are spread evenly. */
function slicesOf({ rows, seqs }: ContentFacts): Range[] {
  if (seqs === undefined) return [];
  const { from, to } = seqs;
  const step = Math.ceil((to - from + 1) / Math.ceil(rows / SLICE_ROWS_MAX));
  const slices: Range[] = [];
  for (let at = from; at <= to; at += step) slices.push({ from: at, to: at + step - 1 });
  return slices;
}

/** What of the columns is not as docs/FORMATS.md has it, by path; more columns are fine. */
export async function readColumnFaults(
  run: RunQuery,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const rows = await run(
    `select file_name, name, type from parquet_schema(${parquetFiles(paths)}) where type is not null`,
  );
  const faults = new Map<string, string>();
  for (const path of paths) {
    const own = rows.filter((row) => row['file_name'] === path);
    const types = new Map(own.map(({ name, type }) => [String(name), String(type)]));
    const wrong = SEGMENT_COLUMNS.filter((name) => types.get(name) !== (TYPES.get(name) ?? TEXT));
    if (wrong.length > 0) faults.set(path, `columns are missing or wrong: ${wrong.join(', ')}`);
  }
  return faults;
}

const TEXT = 'BYTE_ARRAY';
const TYPES: ReadonlyMap<string, string> = new Map([
  ['seq', 'INT64'],
  ['idx', 'INT32'],
  ['received_at', 'INT64'],
  ['timestamp', 'INT64'],
  ['instant_ms', 'INT64'],
]);

const IS_POINT = "kind in ('put', 'put-json')";

function factsQuery(files: string, lane: string, parts: ContentQuestion['parts']): string {
  return `select filename, ${partOf(parts, 0, parts.length - 1)} as part, count(*) as rows,
    count(*) filter (${IS_POINT}) as points, count(*) filter (kind = 'outcome') as refused,
    count(*) filter (kind = 'bypass') as bypasses,
    count(*) filter (kind = 'fork') as forks, min(seq) as first_seq, max(seq) as last_seq,
    min(received_at) as first_ms, max(received_at) as last_ms,
    min(instant_ms) filter (${IS_POINT}) as first_instant, max(instant_ms) filter (${IS_POINT}) as last_instant,
    count(*) filter (lane is distinct from '${lane}' or seq is null or idx is null or received_at is null or kind is null
      or (${IS_POINT} and (metric is null or tags is null or instant_ms is null or value is null))) as foreign_rows,
    sum(hash(${SEGMENT_COLUMNS.join(', ')})::hugeint) as digest
    from read_parquet(${files}, filename = true, hive_partitioning = false) group by all`;
}

function repeatedQuery(files: string, { from, to }: Range): string {
  return `select filename, sum(n - 1)::bigint as repeated from (
    select filename, count(*) as n from read_parquet(${files}, filename = true, hive_partitioning = false)
    where seq between ${from} and ${to} group by filename, seq, idx having count(*) > 1) group by filename`;
}

/** The number of the part that has `seq`, or -1: by halves, as a long list of cases would be looked through for each row. */
function partOf(parts: ContentQuestion['parts'], first: number, last: number): string {
  const middle = Math.ceil((first + last) / 2);
  const part = parts[middle];
  if (part === undefined || last < first) return '-1';
  if (first === last) {
    return `case when seq between ${part.firstSeq} and ${part.lastSeq} then ${first} else -1 end`;
  }
  const below = partOf(parts, first, middle - 1);
  return `case when seq < ${part.firstSeq} then ${below} else ${partOf(parts, middle, last)} end`;
}

function factsOf(row: Record<string, unknown>): ContentFacts {
  return {
    rows: Number(row['rows']),
    points: Number(row['points']),
    refused: Number(row['refused']),
    bypasses: Number(row['bypasses']),
    forks: Number(row['forks']),
    seqs: rangeOf(row['first_seq'], row['last_seq']),
    receivedAt: rangeOf(row['first_ms'], row['last_ms']),
    instants: rangeOf(row['first_instant'], row['last_instant']),
    foreign: Number(row['foreign_rows']),
    digest: BigInt(String(row['digest'])),
  };
}

function rangeOf(from: unknown, to: unknown): Range | undefined {
  return from === null || to === null ? undefined : { from: Number(from), to: Number(to) };
}

export const NO_ROWS: ContentFacts = {
  rows: 0,
  points: 0,
  refused: 0,
  bypasses: 0,
  forks: 0,
  seqs: undefined,
  receivedAt: undefined,
  instants: undefined,
  foreign: 0,
  digest: 0n,
};

function sumOf(all: readonly ContentFacts[]): ContentFacts {
  let sum = NO_ROWS;
  for (const facts of all) {
    sum = {
      rows: sum.rows + facts.rows,
      points: sum.points + facts.points,
      refused: sum.refused + facts.refused,
      bypasses: sum.bypasses + facts.bypasses,
      forks: sum.forks + facts.forks,
      seqs: unite(sum.seqs, facts.seqs),
      receivedAt: unite(sum.receivedAt, facts.receivedAt),
      instants: unite(sum.instants, facts.instants),
      foreign: sum.foreign + facts.foreign,
      digest: sum.digest + facts.digest,
    };
  }
  return sum;
}

function unite(a: Range | undefined, b: Range | undefined): Range | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}
