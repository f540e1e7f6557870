import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import type { CompareEvent, CompareResult } from '../../src/compare/compare-request.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { runMain } from '../kit/spawn-main.ts';
import { HttpCollector, TelnetCollector } from './kit/clients.ts';
import { Fabricated } from '../restore/kit/fabricated.ts';
import type { MadeLane, MadeRecord } from '../restore/kit/history.ts';
import type { Line } from './kit/ledger.ts';

/** Of the hour's beginning; its rows are those of past hours. */
const BASE = 1_767_607_200;

const COMMON: readonly Line[] = [
  ...Array.from({ length: 3 * 60 }, (_, n) => `put cmp.plain ${BASE + n * 60} ${n} h=a`),
  ...Array.from({ length: 20 }, (_, n) => `put cmp.float ${BASE + n}500 ${n}.1 h=a i=${n % 3}`),
  `put cmp.large ${BASE} 9007199254740993 h=same`,
  `put cmp.été ${BASE} 1 h=é`,
];

/** What each has of the same instants; empty: nothing. The last two can't be told apart by the API. */
const DIFFERENT: readonly (readonly [source: string, target: string, told: string])[] = [
  [`put cmp.plain ${BASE + 30} 7 h=a`, '', 'missing cmp.plain{h=a} 7 null'],
  [`put cmp.gone ${BASE} 7 h=a`, '', 'missing cmp.gone{h=a} 7 null'],
  ['', `put cmp.plain ${BASE} 7 h=extra`, 'extra cmp.plain{h=extra} null 7'],
  [`put cmp.plain ${BASE} 1 h=b`, `put cmp.plain ${BASE} 2 h=b`, 'different cmp.plain{h=b} 1 2.0'],
  [
    `put cmp.plain ${BASE + 1} 1 h=b`,
    `put cmp.plain ${BASE + 1} 1.0 h=b`,
    'form cmp.plain{h=b} 1 1.0',
  ],
  [`put cmp.plain ${BASE + 2} 3 h=b`, `put cmp.plain ${BASE + 2} 3 h=b`, ''],
  // Nothing follows.
  [`put cmp.plain ${BASE} 1.0 h=c`, `put cmp.plain ${BASE} 1 h=c`, 'form cmp.plain{h=c} 1.0 1'],
  [
    `put cmp.large ${BASE} 9007199254740993 h=a`,
    `put cmp.large ${BASE} 9007199254740992 h=a`,
    'different cmp.large{h=a} 9007199254740993 9007199254740992',
  ],
  [
    `put cmp.float ${BASE} 0.10000000000000002 h=b`,
    `put cmp.float ${BASE} 0.1 h=b`,
    'different cmp.float{h=b} 0.10000000000000002 0.1',
  ],
  [`put cmp.été ${BASE + 1} 1 h=é`, `put cmp.été ${BASE + 1} 2 h=é`, 'different cmp.été{h=é} 1 2'],
  [`put cmp.large ${BASE} 9007199254740993 h=b`, `put cmp.large ${BASE} 9007199254740992 h=b`, ''],
  // What follows in the row makes it a float, as it is shown.
  [`put cmp.large ${BASE + 1} 1.5 h=b`, `put cmp.large ${BASE + 1} 1.5 h=b`, ''],
  // Only the log knows how these were sent.
  [
    `put cmp.large ${BASE} 9007199254740993 h=c`,
    '',
    'missing cmp.large{h=c} 9.007199254740992E15 null',
  ],
  [`put cmp.large ${BASE + 1} 1.5 h=c`, `put cmp.large ${BASE + 1} 1.5 h=c`, ''],
  [`put cmp.float ${BASE} 0.25 h=t`, '', 'missing cmp.float{h=t} 0.25 null'],
];
/** The log of the source, as far as it is kept. */
const LOG: MadeLane = {
  lane: 'aaaaaaaaaaaaaaaa',
  records: [
    record('http', `put cmp.large ${BASE} 9007199254740993 h=c`),
    record('telnet', `put cmp.float ${BASE} 0.25 h=t`),
    // The log is known up to a time after the comparison.
    { receivedAt: Date.now() + 3_600_000, transport: 'log', lines: ['!tick {}'] },
  ],
};

describeOnStack('two OpenTSDBs that differ', (stack) => {
  let source: Tsd;
  let target: Tsd;
  beforeAll(async () => {
    const offered = await stack();
    const settings = { 'tsd.storage.fix_duplicates': 'false' };
    [source, target] = await Promise.all([
      offered.opentsdb('compare-source', { settings }),
      offered.opentsdb('compare-target'),
    ]);
    return async () => {
      await source.kill9();
      await target.kill9();
    };
  });

  test('are told apart, point by point and digit by digit', async () => {
    const of = (side: 0 | 1): Line[] =>
      DIFFERENT.map((pair) => pair[side]).filter((line) => line !== '');
    await put(source, [...COMMON, ...of(0)]);
    await put(target, [...COMMON, ...of(1)]);
    // Two forms of one instant: the source can't read it, and the log isn't asked.
    await put(source, [`put cmp.broken ${BASE} 1 h=a`, `put cmp.broken ${BASE} 5 h=b`]);
    await put(target, [`put cmp.broken ${BASE} 300 h=a`, `put cmp.broken ${BASE} 5 h=b`]);
    await sleep(1_500);
    await put(source, [`put cmp.broken ${BASE} 300 h=a`]);
    await sleep(1_500);
    const { code, told, result } = await runCompare([source, target]);
    const broken = told.filter((line) => line.includes('cmp.broken'));
    expect(broken).toEqual([
      expect.stringMatching(/^unreadable cmp\.broken\{h=a\} source 400: Duplicate/),
    ]);
    expect(told.filter((line) => !broken.includes(line)).toSorted()).toEqual(
      DIFFERENT.map(([, , line]) => line)
        .filter((line) => line !== '')
        .toSorted(),
    );
    expect(result).toMatchObject({
      outcome: 'differs',
      isComplete: true,
      inexact: 1,
      metrics: 6,
      settled: 0,
    });
    expect(code).toBe(6);
  });

  test('are made alike, but for what nobody can mend', async () => {
    await using log = await Fabricated.create();
    await log.write([LOG], ({ records }) => [
      { level: 'minute', firstSeq: 1, lastSeq: records.length },
    ]);
    const some = ['--from', '2026-01-05T00:00:00Z'];
    const repair = [...some, '--repair', '--repository', log.repository.place];
    const { code, result } = await runCompare([source, target], repair);
    const left = { missing: 0, extra: 1, different: 0, form: 0, unreadable: 1 };
    expect(result).toMatchObject({
      isComplete: true,
      repair: { isDryRun: false, log: 2, api: 8, cannot: 1, refused: 0, left },
    });
    expect(code).toBe(6);
    const cells = await target.scan('cmp.large');
    expect(cells).toContain(`cmp.large ${BASE} 9007199254740993 h=c`);
    expect(cells).toContain(`cmp.large ${BASE} 9007199254740993 h=a`);
    expect(await target.scan('cmp.float')).toContain(`cmp.float ${BASE} 0.10000000000000002 h=b`);
    const metrics = ['cmp.gone', 'cmp.float', 'cmp.large', 'cmp.é*'];
    const alike = await runCompare(
      [source, target],
      [...some, ...metrics.flatMap((metric) => ['--metric', metric])],
    );
    expect(alike).toMatchObject({ code: 0, told: [], result: { outcome: 'equal', metrics: 4 } });
  });
});

function record(transport: MadeRecord['transport'], line: Line): MadeRecord {
  return { receivedAt: BASE * 1_000, transport, lines: [line] };
}

const isTelnet = (line: Line): boolean => line.startsWith('put cmp.float');

async function put({ port }: Tsd, lines: readonly Line[]): Promise<void> {
  const http = new HttpCollector(port);
  const telnet = new TelnetCollector(port);
  const said = [
    await http.put(lines.filter((line) => !isTelnet(line))),
    await telnet.put(lines.filter(isTelnet)),
  ];
  http.close();
  telnet.close();
  if (said.some((words) => words !== undefined)) throw new Error(said.join());
}

interface Ran {
  readonly code: number | null;
  readonly told: readonly string[];
  readonly result: CompareResult | undefined;
}

async function runCompare(
  [source, target]: readonly [Tsd, Tsd],
  more: readonly string[] = [],
): Promise<Ran> {
  const args = ['compare', '--source', source.url, '--target', target.url, '--lag', '0s', '--json'];
  const { code, stdout, stderr } = await runMain(...args, ...more);
  if (stderr.includes('error')) throw new Error(stderr);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as CompareEvent);
  const last = events.at(-1);
  return {
    code,
    told: events.flatMap(tell),
    result: last?.event === 'result' ? last : undefined,
  };
}

function tell(event: CompareEvent): string[] {
  if (event.event !== 'difference' && event.event !== 'left') return [];
  const { kind, side, metric, tags, points, reason } = event;
  const names = Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`);
  const head = `${kind} ${metric}{${names.join()}}`;
  if (kind === 'unreadable') return [`${head} ${side} ${reason}`];
  return points.map((point) => `${head} ${point.source} ${point.target}`);
}
