import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fabricated, type MadeObject } from '../kit/fabricated.ts';
import { asMap, Folded, sorted } from '../kit/folded.ts';
import {
  forkedHistories,
  histories,
  objectsOf,
  setBackHistories,
  START_MS,
} from '../kit/histories.ts';
import { type MadeLane, seriesOf, stateAt } from '../kit/history.ts';

const MINUTE: (lane: MadeLane) => readonly MadeObject[] = ({ records }) => [
  { level: 'minute', firstSeq: 1, lastSeq: records.length },
];

const BYPASS = '!bypass {"method":"POST","path":"/api/uid/assign","source":"10.0.0.1:5"}';

describe('the fold', () => {
  test('gives the state at any time, each line once and as it was sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(histories, forkedHistories),
        fc.nat(),
        fc.integer({ min: 1, max: 20 }),
        async (history, at, rowsMax) => {
          await using made = await Fabricated.create();
          await made.write(history.lanes, (lane) => objectsOf(lane, history));
          const lastMs = history.lanes.at(-1)?.records.at(-1)?.receivedAt ?? 0;
          const firstMs = history.lanes[0]?.records[0]?.receivedAt ?? 0;
          // Complete only for what is before the last record.
          const asOfMs = firstMs + (at % (lastMs - firstMs || 1));
          fc.pre(asOfMs < lastMs);
          await using folded = await Folded.open(made, { asOfMs, rowsMax });
          const lines = await folded.lines();
          const expected = stateAt(history.lanes, asOfMs);
          expect(asMap(lines)).toEqual(
            new Map(
              [...expected].map(([key, { line, transport }]) => [
                key,
                `${transport} ${sorted(line)}`,
              ]),
            ),
          );
          expect(lines).toHaveLength(expected.size);
          expect(await folded.counts()).toMatchObject({
            points: expected.size,
            bytes: lines.reduce(
              (sum, line) => sum + Buffer.byteLength(line.replace(/^\w+ /, '')) + 1,
              0,
            ),
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  test('has what was written last, though a clock was ahead before and was set back', async () => {
    await fc.assert(
      fc.asyncProperty(
        setBackHistories,
        fc.oneof(fc.constant(9_999), fc.nat(400)),
        async (history, at) => {
          await using made = await Fabricated.create();
          await made.write(history.lanes, (lane) => objectsOf(lane, history));
          const asOfMs = (history.lanes[0]?.records[0]?.receivedAt ?? 0) + at;
          fc.pre(asOfMs < START_MS + 10_000);
          await using folded = await Folded.open(made, { asOfMs });
          const expected = stateAt(history.lanes, asOfMs, () => true, 'by lane');
          expect(asMap(await folded.lines())).toEqual(
            new Map(
              [...expected].map(([key, { line, transport }]) => [
                key,
                `${transport} ${sorted(line)}`,
              ]),
            ),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  test('cuts a large metric by series, and a large series by instants', async () => {
    const lines = Array.from(
      { length: 400 },
      (_, n) => `put m ${1_500_000_000 + n * 600} ${n} h=a`,
    );
    const others = Array.from({ length: 50 }, (_, n) => `put m 1500000000 1 h=b${n}`);
    const small = Array.from({ length: 30 }, (_, n) => `put s${n % 10} ${1_500_000_000 + n} 1 h=b`);
    const record = {
      receivedAt: START_MS,
      transport: 'http',
      lines: [...lines, ...others, ...small],
    } as const;
    const end = { receivedAt: START_MS + 10, transport: 'log', lines: ['!tick {}'] } as const;
    const lanes = [{ lane: 'aaaaaaaaaaaaaaaa', records: [record, end] }];
    await using made = await Fabricated.create();
    await made.write(lanes, MINUTE);
    await using folded = await Folded.open(made, { asOfMs: START_MS, rowsMax: 20 });
    const kinds = folded.ranges.map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['metrics', 'series', 'instants']));
    expect(Math.max(...folded.ranges.map(({ rows }) => rows))).toBeLessThanOrEqual(40);
    expect(folded.ranges.reduce((sum, { rows }) => sum + rows, 0)).toBe(480);
    expect((await folded.lines()).map(seriesAndLine).toSorted()).toEqual(
      record.lines.map((line) => seriesAndLine(`http ${line}`)).toSorted(),
    );
    expect(await folded.counts()).toMatchObject({ points: 480 });
    expect(await folded.demands()).toEqual({
      rows: 480,
      metrics: 11,
      series: 61,
      tags: 1,
      firstMs: 1_500_000_000_000,
      lastMs: (1_500_000_000 + 399 * 600) * 1_000,
      receivedMs: START_MS,
      digest: expect.stringMatching(/^\d+$/) as string,
    });
  });

  test('is named by which points it is made of, however they are stored', async () => {
    const one = await digestOf([refusal(1)]);
    expect(
      await digestOf(
        [refusal(1), refusal(1)],
        [
          { level: 'minute', firstSeq: 1, lastSeq: 1 },
          { level: 'minute', firstSeq: 2, lastSeq: 2 },
          { level: 'hour', firstSeq: 1, lastSeq: 2 },
          { level: 'minute', firstSeq: 3, lastSeq: 4 },
        ],
      ),
    ).toBe(one);
    const others = [['!tick {}'], [refusal(2)], [refusal(1), refusal(2)], [refusal(3)]];
    const digests = await Promise.all(others.map((told) => digestOf(told)));
    expect(new Set([one, ...digests]).size).toBe(5);
  });

  test('tells a change that went round the log once, though an hour is taken beside its minutes', async () => {
    await using made = await Fabricated.create();
    const records = Array.from({ length: 6 }, (_, n) => ({
      receivedAt: START_MS + n * 10,
      transport: 'log' as const,
      lines: [n === 1 ? BYPASS : '!tick {}'],
    }));
    await made.write([{ lane: 'aaaaaaaaaaaaaaaa', records }], () => [
      { level: 'hour', firstSeq: 1, lastSeq: 6 },
      { level: 'minute', firstSeq: 1, lastSeq: 3 },
    ]);
    const asOfMs = START_MS + 45;
    await using folded = await Folded.open(made, { asOfMs });
    const payload = BYPASS.slice('!bypass '.length);
    expect(await folded.bypasses(asOfMs)).toEqual([{ receivedAt: START_MS + 10, payload }]);
  });

  test('leaves out, or counts, what the primary had not confirmed', async () => {
    const lanes = [
      {
        lane: 'aaaaaaaaaaaaaaaa',
        records: [putRecord(START_MS, 'put m 1 1 h=a'), putRecord(START_MS + 1, 'put m 2 1 h=a')],
      },
      {
        lane: 'bbbbbbbbbbbbbbbb',
        records: [
          putRecord(START_MS + 2, 'put m 3 1 h=a'),
          putRecord(START_MS + 3, 'put m 1 2 h=a', 'bbbbbbbbbbbbbbbb/1'),
          putRecord(START_MS + 4, 'put m 4 1 h=a'),
          putRecord(START_MS + 9, 'put m 5 1 h=a'),
        ],
      },
    ];
    await using made = await Fabricated.create();
    await made.write(lanes, MINUTE);
    await using all = await Folded.open(made, { asOfMs: START_MS + 5 });
    expect(await all.lines()).toEqual([
      'http put m 1 2 h=a',
      'http put m 2 1 h=a',
      'http put m 3 1 h=a',
      'http put m 4 1 h=a',
    ]);
    expect(await all.counts()).toMatchObject({ points: 4, provisional: 2, series: 1 });
    expect(all.provisional).toBe(2);
    await using confirmed = await Folded.open(made, {
      asOfMs: START_MS + 5,
      isOnlyConfirmed: true,
    });
    expect(await confirmed.lines()).toEqual([
      'http put m 1 1 h=a',
      'http put m 2 1 h=a',
      'http put m 3 1 h=a',
    ]);
  });

  test.each(['lane=zz', 'r[1]', 'r*?'])(
    'reads its own files in a folder called %s',
    async (folder) => {
      const refused = '{"lane":"aaaaaaaaaaaaaaaa","seq":1,"refused":[{"index":0,"error":"no"}]}';
      const lanes = [
        {
          lane: 'aaaaaaaaaaaaaaaa',
          records: [
            putRecord(START_MS, 'put m 1 1 h=a'),
            putRecord(START_MS, 'put m 2 1 h=a'),
            { receivedAt: START_MS + 9, transport: 'log', lines: [`!outcome ${refused}`] } as const,
          ],
        },
      ];
      await using made = await Fabricated.create(folder);
      await made.write(lanes, MINUTE);
      await using folded = await Folded.open(made, { asOfMs: START_MS });
      expect(await folded.lines()).toEqual(['http put m 2 1 h=a']);
    },
  );

  test('writes the same lines every time', async () => {
    const lines = Array.from(
      { length: 5_000 },
      (_, n) => `put m${n % 7} ${1_500_000_000 + (n % 900)} ${n} h=${n % 5}`,
    );
    const lanes = [
      {
        lane: 'aaaaaaaaaaaaaaaa',
        records: [
          { receivedAt: START_MS, transport: 'telnet', lines },
          { receivedAt: START_MS, transport: 'http', lines: lines.slice(0, 2_000) },
          { receivedAt: START_MS + 9, transport: 'log', lines: ['!tick {}'] },
        ] as const,
      },
    ];
    await using made = await Fabricated.create();
    await made.write(lanes, MINUTE);
    await using one = await Folded.open(made, { asOfMs: START_MS, rowsMax: 1_000 });
    await using other = await Folded.open(made, { asOfMs: START_MS, rowsMax: 1_000 });
    expect(await one.lines()).toEqual(await other.lines());
  });
});

function seriesAndLine(line: string): string {
  const rest = line.replace(/^\w+ /, '');
  return `${seriesOf(rest)} ${rest}`;
}

function putRecord(
  receivedAt: number,
  line: string,
  confirmed?: string,
): MadeLane['records'][number] {
  return {
    receivedAt,
    transport: 'http',
    lines: [line],
    ...(confirmed !== undefined && { confirmed }),
  };
}

/** Of three points received at once, and what is told of them after that. */
async function digestOf(
  told: readonly string[],
  objects: readonly MadeObject[] = [{ level: 'minute', firstSeq: 1, lastSeq: 4 }],
): Promise<string> {
  const outcome = { receivedAt: START_MS + 9, transport: 'log', lines: told } as const;
  const puts = ['put m 1 1 h=a', 'put m 2 1 h=a', 'put m 3 1 h=a'];
  const records = [...puts.map((line) => putRecord(START_MS, line)), outcome];
  await using made = await Fabricated.create();
  await made.write([{ lane: 'aaaaaaaaaaaaaaaa', records }], () => objects);
  await using folded = await Folded.open(made, { asOfMs: START_MS });
  const { rows, digest } = await folded.demands();
  return `${rows} ${digest}`;
}

function refusal(seq: number): string {
  return `!outcome {"lane":"aaaaaaaaaaaaaaaa","seq":${seq},"refused":[{"index":0,"error":"no"}]}`;
}
