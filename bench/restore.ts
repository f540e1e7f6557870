import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/kit/ports.ts';
import { runProgram, say } from './program.ts';
import { type FarEnd, generate, nullSink, openTsdb } from './measure.ts';
import { BenchError, buildTools, startSink, type Tools } from './processes.ts';
import { fixed, rate, table } from './report.ts';
import { makeRepository } from './restore-repository.ts';
import { measureRestore, type RestoreSample } from './restore-run.ts';
import { SHAPES } from './shapes.ts';

/**
 * How fast a restore is: into the null sink, which is what reading, folding and sending cost; or into a real OpenTSDB, side by
 * side with the load generator, which writes straight into the same one.
 */
const HELP = `usage: npm run bench:restore -- [options]

  --points N      points received, of which one in twenty is a new value of an earlier instant
                  (5,000,000; into an OpenTSDB 500,000)
  --series N      (4,000)
  --telnet SHARE  of the points that came by telnet, 0 to 1 (0)
  --rounds N      rounds, of which the median counts (3)
  --against WHAT  null (the built-in sink), or the URL of an OpenTSDB
  --main FILE     the built tsdb-wal (dist/main.js)
  --json FILE     write everything measured to FILE
  --strict        exit with 1 when a target is missed
  --help
`;

interface Options {
  readonly points: number;
  readonly series: number;
  readonly telnet: number;
  readonly rounds: number;
  readonly openTsdb: string | undefined;
  readonly main: string;
  readonly json: string | undefined;
  readonly isStrict: boolean;
}

interface Round extends RestoreSample {
  /** What the load generator reached straight into the same OpenTSDB. */
  readonly directPerSecond?: number;
}

interface Verdict {
  readonly measure: string;
  readonly reach: string;
  readonly measured: string;
  readonly isReached: boolean;
}

const DIRECT_SHAPE = 'http500x8';
const DIRECT_SECONDS = 10;
const TARGETS = { pointsPerSecond: 400_000, rssPeakMiB: 1_024, shareOfDirect: 0.9 } as const;

function parseOptions(argv: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      points: text,
      series: { ...text, default: '4000' },
      telnet: { ...text, default: '0' },
      rounds: { ...text, default: '3' },
      against: { ...text, default: 'null' },
      main: { ...text, default: 'dist/main.js' },
      json: text,
      strict: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  const target = values.against === 'null' ? undefined : new URL(values.against).host;
  return {
    points: Number(values.points ?? (target === undefined ? 5_000_000 : 500_000)),
    series: Number(values.series),
    telnet: Number(values.telnet),
    rounds: Number(values.rounds),
    openTsdb: target,
    main: values.main,
    json: values.json,
    isStrict: values.strict,
  };
}

async function run(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    say(HELP);
    return 0;
  }
  if (!existsSync(options.main)) {
    throw new BenchError(`bench: ${options.main} is missing: run \`npm run build\` first`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsdb-wal-bench-'));
  const tools = await buildTools();
  const sink =
    options.openTsdb === undefined
      ? await startSink({ tools, folder, port: await freePort() })
      : undefined;
  try {
    const farEnd = sink ? nullSink(sink.address.http) : openTsdb(options.openTsdb ?? '', () => []);
    const rounds: Round[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      rounds.push(await runRound(options, { tools, folder, farEnd, round }));
    }
    return finish(options, rounds);
  } finally {
    await sink?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runRound(
  options: Options,
  { tools, folder, farEnd, round }: { tools: Tools; folder: string; farEnd: FarEnd; round: number },
): Promise<Round> {
  const { main, points, series, telnet } = options;
  const place = mkdtempSync(join(folder, 'round-'));
  // Of names that are new, an OpenTSDB is as good as empty.
  const prefix = `bench.${Date.now()}`;
  const made = await makeRepository(place, { prefix, points, series, telnet });
  // Nobody always goes first.
  const early = farEnd.isPrivate || round % 2 > 0 ? undefined : await direct(tools, farEnd);
  const sample = await measureRestore({
    main,
    repository: made.place,
    work: join(place, 'work'),
    target: farEnd.address,
    count: () => farEnd.count(),
  });
  const late = farEnd.isPrivate || round % 2 === 0 ? undefined : await direct(tools, farEnd);
  const directPerSecond = early ?? late;
  rmSync(place, { recursive: true, force: true });
  say(`round ${round + 1}  ${rate(sample.pointsPerSecond)} points/s`);
  say(directPerSecond === undefined ? '\n' : `, direct ${rate(directPerSecond)}\n`);
  return { ...sample, ...(directPerSecond === undefined ? {} : { directPerSecond }) };
}

async function direct(tools: Tools, farEnd: FarEnd): Promise<number> {
  const shape = SHAPES.find(({ name }) => name === DIRECT_SHAPE);
  if (shape === undefined) throw new BenchError(`bench: no shape ${DIRECT_SHAPE}`);
  const address = { http: farEnd.address, telnet: farEnd.address };
  const subject = { name: 'direct', address } as const;
  const load = await generate({
    tools,
    shape,
    subject,
    seconds: DIRECT_SECONDS,
    hosts: `d${Date.now()}`,
  });
  return load.pps;
}

function finish(options: Options, rounds: readonly Round[]): number {
  const header = ['round', 'points', 'seconds', 'points/s', 'first point s', 'CPU s/M', 'peak MiB'];
  const body = rounds.map((one, index) => [
    `${index + 1}`,
    `${one.points}`,
    fixed(one.seconds, 1),
    rate(one.pointsPerSecond),
    fixed(one.firstPointSeconds, 1),
    fixed(one.cpuSecondsPerMillion),
    fixed(one.rssPeakMiB, 0),
  ]);
  say(`\n${table([header, ...body])}\n\n`);
  const verdicts = judge(options, rounds);
  const rows = verdicts.map(({ measure, reach, measured, isReached }) => [
    measure,
    reach,
    measured,
    isReached ? 'reached' : 'MISSED',
  ]);
  say(`${table([['measure', 'to reach', 'measured', 'verdict'], ...rows])}\n`);
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model, loadAverageAtEnd: loadavg() };
  if (options.json !== undefined) {
    const result = { version: 1, at: new Date().toISOString(), machine, options, rounds, verdicts };
    writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  return options.isStrict && verdicts.some(({ isReached }) => !isReached) ? 1 : 0;
}

function judge(options: Options, rounds: readonly Round[]): Verdict[] {
  const peak = Math.max(...rounds.map(({ rssPeakMiB }) => rssPeakMiB));
  const memoryVerdict = {
    measure: 'MiB peak',
    reach: `≤ ${TARGETS.rssPeakMiB}`,
    measured: fixed(peak, 0),
    isReached: peak <= TARGETS.rssPeakMiB,
  };
  if (options.openTsdb === undefined) {
    const speed = median(rounds.map(({ pointsPerSecond }) => pointsPerSecond));
    return [
      {
        measure: 'points/s into the null sink',
        reach: `≥ ${rate(TARGETS.pointsPerSecond)}`,
        measured: rate(speed),
        isReached: speed >= TARGETS.pointsPerSecond,
      },
      memoryVerdict,
    ];
  }
  const shares = rounds.map((one) => one.pointsPerSecond / (one.directPerSecond ?? Number.NaN));
  const share = median(shares);
  return [
    {
      measure: `share of direct (${DIRECT_SHAPE})`,
      reach: `≥ ${TARGETS.shareOfDirect}`,
      measured: fixed(share),
      isReached: share >= TARGETS.shareOfDirect,
    },
    memoryVerdict,
  ];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const high = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (low + high) / 2;
}

await runProgram(run);
