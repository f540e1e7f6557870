import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { isDamage, readSidecar } from '../../src/archive/holdings/catalog.ts';
import { ContentReader } from '../../src/archive/search/content-reader.ts';
import { computeCoverage, type Coverage } from '../../src/archive/holdings/coverage.ts';
import type { Duckdb } from '../../src/archive/duckdb.ts';
import { outermost } from '../../src/archive/holdings/lane-spans.ts';
import { SEGMENT_COLUMNS, segmentRows } from '../../src/archive/format/segment-table.ts';
import type { Sidecar } from '../../src/archive/format/sidecar.ts';
import type { Hole } from '../../src/record/control.ts';
import { findingsOf } from '../kit/verifying.ts';
import { type PlainRecord, plainRows, type PlainRow } from '../kit/plain-rows.ts';
import { present } from '../kit/wal-log.ts';
import type { ArchiveRig } from './archive-rig.ts';
import { readWholeCatalog } from './kit/whole-catalog.ts';

/** What the repository holds; every data object is what its sidecar says. */
export async function readContent(rig: ArchiveRig): Promise<{
  coverage: Coverage;
  sidecars: Sidecar[];
  /** Of the segments as they were archived, also where they are merged by now. */
  minutes: Sidecar[];
  rows: PlainRow[];
}> {
  const { store } = rig.repository;
  const catalog = await readWholeCatalog(store);
  expect(catalog.faults.filter(isDamage)).toEqual([]);
  const sidecars: Sidecar[] = [];
  const minutes: Sidecar[] = [];
  for (const { objects } of catalog.lanes.values()) {
    for (const segment of objects) {
      if (segment.level === 'minute') minutes.push(present(await readSidecar(store, segment)));
    }
    for (const segment of outermost(objects)) {
      sidecars.push(present(await readSidecar(store, segment)));
    }
  }
  const paths: string[] = [];
  for (const { data } of sidecars) {
    if (data === null) continue;
    const path = present(await store.localPath(data.object));
    const bytes = await readFile(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect({ bytes: bytes.length, sha256 }).toEqual({ bytes: data.bytes, sha256: data.sha256 });
    paths.push(path);
  }
  const rows = await readRows(rig.duckdb, paths);
  return { coverage: computeCoverage(catalog), sidecars, minutes, rows };
}

/** The repository holds the log, record by record, but for those in the holes. `isMended`: segments may end before what was a hole. */
export async function expectSame(
  rig: ArchiveRig,
  holes: readonly Omit<Hole, 'reason'>[] = [],
  isMended = false,
): Promise<void> {
  await expectRecords(rig, await rig.records(), { holes, isMended });
}

/** The same of records by lane. */
export async function expectRecords(
  rig: ArchiveRig,
  expected: ReadonlyMap<string, readonly PlainRecord[]>,
  {
    holes = [],
    isMended = false,
  }: { readonly holes?: readonly Omit<Hole, 'reason'>[]; readonly isMended?: boolean } = {},
): Promise<void> {
  const { coverage, sidecars, minutes, rows } = await readContent(rig);
  expect(coverage.conflicts).toEqual([]);
  const found = coverage.holes.map(({ lane, firstSeq: from, lastSeq: to }) => ({
    lane,
    from,
    to,
  }));
  expect(found).toEqual(holes.map(({ lane, from, to }) => ({ lane, from, to })));
  const lanes = [...expected].toSorted(([a], [b]) => (a < b ? -1 : 1));
  expect(rows).toEqual(lanes.flatMap(([lane, records]) => plainRows(lane, records)));
  const sum = (of: (sidecar: Sidecar) => number): number =>
    sidecars.reduce((total, sidecar) => total + of(sidecar), 0);
  expect(sum(({ records }) => records)).toBe(lanes.reduce((n, [, { length }]) => n + length, 0));
  expect(sum(({ data }) => data?.rows ?? 0)).toBe(rows.length);
  if (!isMended) for (const sidecar of minutes) expectCut(sidecar, coverage, new Map(lanes));
  const contents = new ContentReader(() => Promise.resolve(rig.duckdb));
  const findings = await findingsOf(rig.repository.store, contents);
  const { length } = findings.filter(({ kind }) => kind === 'hole');
  expect(length).toBe(holes.length);
  expect(findings.filter(({ severity }) => severity === 'damage')).toEqual([]);
}

/** In the order of records. */
export async function readRows(duckdb: Duckdb, paths: readonly string[]): Promise<PlainRow[]> {
  if (paths.length === 0) return [];
  const columns = SEGMENT_COLUMNS.map((column) => `${column}::varchar as ${column}`);
  const order = 'order by lane, seq::bigint, idx::bigint';
  const query = `select ${columns.join(', ')} from ${segmentRows(paths)} ${order}`;
  return (await duckdb.rows(query)) as PlainRow[];
}

function isEnd({ lines: [first = ''] }: PlainRecord): boolean {
  return /^!(cut|close) /.test(first);
}

/** A segment ends with a cut, with its lane, or before a hole; in between there is no cut. */
function expectCut(
  sidecar: Sidecar,
  coverage: Coverage,
  lanes: ReadonlyMap<string, readonly PlainRecord[]>,
): void {
  const { lane, firstSeq, lastSeq, fromMs, toMs } = sidecar;
  const records = present(lanes.get(lane));
  const own = records.filter(({ seq }) => seq >= firstSeq && seq <= lastSeq);
  const before = records.findLast(({ seq }) => seq < firstSeq);
  const isBeforeHole = coverage.holes.some(
    (hole) => hole.lane === lane && hole.firstSeq === lastSeq + 1,
  );
  expect(own.slice(0, -1).filter(isEnd)).toEqual([]);
  expect(isEnd(present(own.at(-1))) || isBeforeHole || records.at(-1)?.seq === lastSeq).toBe(true);
  expect(toMs).toBe(own.at(-1)?.receivedAt);
  expect(fromMs).toBe((before ?? own[0])?.receivedAt);
}
