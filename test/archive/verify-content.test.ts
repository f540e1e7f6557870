import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlLiteral } from '../../src/archive/duckdb.ts';
import type { Finding } from '../../src/archive/verify/finding.ts';
import {
  formatBeginName,
  formatDataName,
  formatSidecarName,
  type SegmentName,
} from '../../src/archive/format/object-names.ts';
import { SEGMENT_COLUMNS } from '../../src/archive/format/segment-table.ts';
import {
  type Begin,
  formatBegin,
  formatSidecar,
  parseBegin,
  parseSidecar,
  type Sidecar,
} from '../../src/archive/format/sidecar.ts';
import { tempDirectory } from '../kit/temp.ts';
import { Verifying } from '../kit/verifying.ts';
import { Fabricated } from '../restore/kit/fabricated.ts';
import { LANES, smallRepository } from '../restore/kit/small-repository.ts';

let verifying: Verifying;

beforeAll(async () => {
  verifying = await Verifying.open();
});

afterAll(async () => {
  await verifying[Symbol.asyncDispose]();
});

const [FIRST = '', SECOND = ''] = LANES.map(({ lane }) => lane);

/** Changes to what a sidecar says; its seal is right again. */
const SIDECAR_LIES: readonly (readonly [string, (sidecar: Sidecar) => Partial<Sidecar>, RegExp])[] =
  [
    ['records', ({ records }) => ({ records: records + 1 }), /it says \d+ records, its name \d+/],
    ['points', ({ points }) => ({ points: points - 1 }), /points, its sidecar says/],
    [
      'refusals',
      ({ refused }) => ({ refused: refused + 1 }),
      /refusals, its sidecar says|more of what they are/,
    ],
    [
      'bypasses',
      ({ bypasses }) => ({ bypasses: bypasses + 1 }),
      /bypasses, its sidecar says|more of what they are/,
    ],
    [
      'forks',
      () => ({ forks: [{ id: '0'.repeat(16), at: 1, undone: [], receivedAt: 2 }] }),
      /forks, its sidecar says|it tells 1 forks/,
    ],
    ['the number of its lane', ({ ordinal }) => ({ ordinal: ordinal + 1 }), /its lane has number/],
    [
      'rows',
      ({ data }) => ({ data: data && { ...data, rows: data.rows + 1 } }),
      /rows, its sidecar says/,
    ],
    ['times of its points', () => ({ instants: { from: 1, to: 2 } }), /its points are of times/],
    ['no times of its points', () => ({ instants: null }), /and no times of them/],
  ];

const HOUR: SegmentName = segmentName('hour', 1, 6);

/** Changes to the rows; sidecar and checksum fit them as far as can be. */
const ROW_LIES: readonly (readonly [string, string, RegExp])[] = [
  [
    'rows of another lane',
    "select * replace ('dddddddddddddddd' as lane) from rows",
    /of another lane/,
  ],
  [
    'a row twice',
    'select * from rows union all (select * from rows limit 1)',
    /1 rows are there twice/,
  ],
  [
    'records outside its name',
    'select * replace (seq + 3 as seq) from rows',
    /it has records 4 to/,
  ],
  [
    'receive times outside its name',
    'select * replace (received_at + 3600000 as received_at) from rows',
    /it was received/,
  ],
  [
    'a column of another type',
    'select * replace (seq::varchar as seq) from rows',
    /columns are missing or wrong: seq/,
  ],
  [
    'a column less',
    'select * exclude (payload) from rows',
    /columns are missing or wrong: payload/,
  ],
  [
    'a row without its metric',
    'select * replace (case when seq = 2 then null else metric end as metric) from rows',
    /lack what every row has/,
  ],
];

describe('what was written wrong, though every byte of it is as it was written', () => {
  test.each(SIDECAR_LIES)('is told: %s', async (_, lie, reason) => {
    await using made = await smallRepository(verifying.duckdb);
    await rewriteSidecar(made, HOUR, lie);
    expect(reasons((await verifying.run(made.repository.store)).findings, HOUR)).toMatch(reason);
  });

  test.each(ROW_LIES)('is told: %s', async (_, query, reason) => {
    await using made = await smallRepository(verifying.duckdb);
    await rewriteRows(made, HOUR, query);
    expect(reasons((await verifying.run(made.repository.store)).findings, HOUR)).toMatch(reason);
  });

  test('is told: data that are no table at all', async () => {
    await using made = await smallRepository(verifying.duckdb);
    await replaceData(made, HOUR, Buffer.from('PAR1 no table PAR1'));
    const { findings } = await verifying.run(made.repository.store);
    expect(reasons(findings, HOUR)).toMatch(/DuckDB cannot read it/);
  });

  test('is told: a merged segment with a value other than what it was merged of', async () => {
    await using made = await smallRepository(verifying.duckdb);
    await rewriteRows(
      made,
      HOUR,
      "select * replace (case when value = '300' then '301' else value end as value) from rows",
    );
    const { findings } = await verifying.run(made.repository.store);
    // The minute that has it, and the day that has the hour.
    expect(findings.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['contradiction', `it does not hold the same rows as ${formatSidecarName(HOUR)}`],
      [
        'contradiction',
        `it does not hold the same rows as ${formatSidecarName(segmentName('minute', 4, 6))}`,
      ],
    ]);
  });

  test('is told: a merged segment that says another position is confirmed', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const hour = segmentName('hour', 7, 12);
    await rewriteSidecar(made, hour, () => ({ confirmed: `${FIRST}/9` }));
    const { findings } = await verifying.run(made.repository.store);
    expect(reasons(findings, hour)).toMatch(/is confirmed, those that it was merged of/);
  });

  test('is told: a lane that ended before its records, or began at another time', async () => {
    await using made = await smallRepository(verifying.duckdb);
    await rewriteBegin(made, SECOND, () => ({ previous: { lane: FIRST, lastSeq: 10 } }));
    await rewriteBegin(made, FIRST, ({ openedAt }) => ({ openedAt: openedAt - 1 }));
    const { findings } = await verifying.run(made.repository.store);
    const told = findings.map(({ object, reason }) => `${object}: ${reason}`).join('\n');
    expect(told).toContain(`lanes/${FIRST}: records 11 to 12 are there`);
    expect(told).toMatch(/minute.*: it begins at \d+, its lane at \d+/);
  });

  test('is told: a segment that does not begin where the one before it ended', async () => {
    await using made = await Fabricated.create('repository', verifying.duckdb);
    const lanes = [{ lane: FIRST, records: LANES[0]?.records ?? [] }];
    await made.write(lanes, () =>
      [1, 7].map((firstSeq) => ({ level: 'minute', firstSeq, lastSeq: firstSeq + 5 })),
    );
    const second = segmentName('minute', 7, 12);
    const shifted = { ...second, fromMs: second.fromMs + 1 };
    const { store, place } = made.repository;
    const sidecar = parseSidecar((await store.read(formatSidecarName(second))) ?? Buffer.alloc(0));
    if (!sidecar?.data) throw new Error('it has data');
    const object = formatDataName(shifted, '00000000');
    await store.createFromFile(object, join(place, sidecar.data.object));
    await store.create(
      formatSidecarName(shifted),
      Buffer.from(formatSidecar({ ...sidecar, ...shifted, data: { ...sidecar.data, object } })),
    );
    for (const name of [formatSidecarName(second), sidecar.data.object])
      await rm(join(place, name));
    const { findings } = await verifying.run(store);
    expect(findings).toMatchObject([
      {
        kind: 'contradiction',
        object: formatSidecarName(shifted),
        reason: expect.stringMatching(/what is before it ends at/) as string,
      },
    ]);
  });
});

function segmentName(level: SegmentName['level'], firstSeq: number, lastSeq: number): SegmentName {
  const records = LANES[0]?.records ?? [];
  const fromMs = records[Math.max(0, firstSeq - 2)]?.receivedAt ?? 0;
  return {
    lane: FIRST,
    level,
    firstSeq,
    lastSeq,
    fromMs,
    toMs: records[lastSeq - 1]?.receivedAt ?? 0,
  };
}

/** What is told of a segment's objects. */
function reasons(findings: readonly Finding[], segment: SegmentName): string {
  const stem = formatSidecarName(segment).replace('.json', '');
  return findings
    .filter(({ object, severity }) => object.startsWith(stem) && severity === 'damage')
    .map(({ reason }) => reason)
    .join('\n');
}

async function rewriteSidecar(
  { repository: { store, place } }: Fabricated,
  segment: SegmentName,
  lie: (sidecar: Sidecar) => Partial<Sidecar>,
): Promise<void> {
  const name = formatSidecarName(segment);
  const sidecar = parseSidecar((await store.read(name)) ?? Buffer.alloc(0));
  if (sidecar === undefined) throw new Error(`${name} is whole`);
  await writeFile(join(place, name), formatSidecar({ ...sidecar, ...lie(sidecar) }));
}

async function rewriteBegin(
  { repository: { store, place } }: Fabricated,
  lane: string,
  lie: (begin: Begin) => Partial<Begin>,
): Promise<void> {
  const name = formatBeginName(lane);
  const begin = parseBegin((await store.read(name)) ?? Buffer.alloc(0));
  if (begin === undefined) throw new Error(`${name} is whole`);
  await writeFile(join(place, name), formatBegin({ ...begin, ...lie(begin) }));
}

async function rewriteRows(made: Fabricated, segment: SegmentName, query: string): Promise<void> {
  await using folder = await tempDirectory('rows');
  const path = join(made.repository.place, formatDataName(segment, '00000000'));
  const target = join(folder.path, 'rows.parquet');
  await verifying.duckdb.run(
    `create or replace temp table rows as select ${SEGMENT_COLUMNS.join(', ')} from read_parquet(${sqlLiteral(path)})`,
  );
  await verifying.duckdb.run(`copy (${query}) to ${sqlLiteral(target)} (format parquet)`);
  await replaceData(made, segment, await readFile(target));
}

async function replaceData(made: Fabricated, segment: SegmentName, content: Buffer): Promise<void> {
  await writeFile(join(made.repository.place, formatDataName(segment, '00000000')), content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  await rewriteSidecar(made, segment, ({ data }) => ({
    data: data && { ...data, bytes: content.length, sha256 },
  }));
}
