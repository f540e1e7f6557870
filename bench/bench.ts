import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/kit/ports.ts';
import { runProgram, say } from './program.ts';
import { generate, hostsOf, measure, nullSink, openTsdb, subjectOf } from './measure.ts';
import type { FarEnd, Sample, Subject } from './measure.ts';
import { HELP, parseOptions } from './options.ts';
import type { Options } from './options.ts';
import { measureReading } from './reading.ts';
import { measureOutage } from './outage.ts';
import { BenchTopic } from './bench-topic.ts';
import { untilLive } from './degraded.ts';
import {
  BenchError,
  buildTools,
  startFloor,
  startLeastLog,
  startProxy,
  startSink,
} from './processes.ts';
import type { Running, Tools } from './processes.ts';
import { databasePids } from './procfs.ts';
import { resultTable, verdictTable } from './report.ts';
import { PACE } from './shapes.ts';
import { judge, summarize } from './summary.ts';
import type { Row, Verdict } from './summary.ts';

/**
 * Direct, the floor and tsdb-wal under the same loads, interleaved: each round runs every shape through every
 * subject, one after the other, so that a share of the floor compares runs of the same minute on the same machine.
 * The processes are warmed up first and stay up: a young Node process runs at a third of its speed, and V8 goes on compiling what it
 * finds hot for half a minute of load; so does a broker.
 */
const WARM_UP_SECONDS_MIN = 1.5;
/** A real OpenTSDB gives ids to new series, which takes it longer than anything else. */
const NAMING_SECONDS = 6;
const OUTAGE_SECONDS_MIN = 10;
const TMPFS = 0x01021994;

interface Bench {
  readonly options: Options;
  readonly tools: Tools;
  readonly folder: string;
  readonly farEnd: FarEnd;
  readonly subjects: readonly Subject[];
}

async function runBench(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    say(HELP);
    return 0;
  }
  const folder = makeFolder(options.folder);
  const started: { stop(): Promise<void> }[] = [];
  try {
    const prepared = await startAll(options, folder, started);
    await warmUp(prepared);
    const samples = await runRounds(prepared);
    samples.push(...(await runOutages(prepared)), ...(await runReading(prepared)));
    return finish(options, samples);
  } finally {
    for (const running of started.toReversed()) await running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeFolder(parent: string | undefined): string {
  if (parent !== undefined) mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent ?? tmpdir(), 'tsdb-wal-bench-'));
  if (statfsSync(folder).type === TMPFS) {
    say(`bench: ${folder} is in memory, where fdatasync costs nothing: give --folder on a disk\n`);
  }
  return folder;
}

async function startAll(
  options: Options,
  folder: string,
  started: { stop(): Promise<void> }[],
): Promise<Bench> {
  const tools = await buildTools();
  const keep = (running: Running): Running => {
    started.push(running);
    return running;
  };
  let farEnd: FarEnd;
  if (options.openTsdb === undefined) {
    const sink = keep(await startSink({ tools, folder, port: await freePort() }));
    farEnd = nullSink(sink.address.http);
  } else {
    const port = Number(options.openTsdb.split(':')[1] ?? 80);
    const { pids } = options;
    farEnd = openTsdb(options.openTsdb, () => (pids.length > 0 ? pids : databasePids(port)));
  }
  const { address } = farEnd;
  const floor = { folder, target: address, noDelay: options.isFloorNoDelay };
  const start: Record<Subject['name'], () => Promise<Subject>> = {
    direct: async () => ({ name: 'direct', address: { http: address, telnet: address } }),
    floor: async () => subjectOf('floor', keep(await startFloor(floor))),
    'least-log': async () => subjectOf('least-log', keep(await startLeastLog(floor))),
    'tsdb-wal': async () => {
      const { main } = options;
      return subjectOf('tsdb-wal', keep(await startProxy({ folder, target: address, main })));
    },
    'tsdb-wal+kafka': async () => {
      const { kafka: brokers, main } = options;
      if (brokers === undefined) throw new BenchError('bench: it wants --kafka');
      const topic = await BenchTopic.claim(brokers);
      started.push(topic);
      const kafka = { brokers, topic: topic.name };
      const proxy = keep(await startProxy({ folder, target: address, main, kafka }));
      return { ...subjectOf('tsdb-wal+kafka', proxy), brokerPid: topic.brokerPid };
    },
  };
  const subjects: Subject[] = [];
  for (const name of options.subjects) subjects.push(await start[name]());
  return { options, tools, folder, farEnd, subjects };
}

/** To a young OpenTSDB no load goes without a pace: while it stalls, a backlog of minutes would come to be. */
async function warmUp(bench: Bench): Promise<void> {
  const { options } = bench;
  const { shapes } = options;
  const isReal = options.openTsdb !== undefined;
  const least = isReal ? NAMING_SECONDS : WARM_UP_SECONDS_MIN;
  const inFull = Math.max(least, options.warmUpSeconds / shapes.length);
  for (const subject of bench.subjects) {
    say(`warming up ${subject.name}\n`);
    // The null sink is compiled beforehand.
    const seconds = isReal || subject.pid !== undefined ? inFull : least;
    for (const one of shapes) {
      const shape = isReal ? { ...one, pointsPerSecond: PACE } : one;
      const hosts = hostsOf(shape, bench.farEnd);
      await generate({ ...runOf(bench), shape, subject, seconds, hosts });
    }
  }
  if (!isReal) return;
  say(`database processes: ${bench.farEnd.pids().join(', ') || 'none found, give --pids'}\n`);
}

async function runRounds(bench: Bench): Promise<Sample[]> {
  const { options, subjects } = bench;
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const shape of options.shapes) {
      const first = round % subjects.length; // Nobody always goes first.
      for (const subject of [...subjects.slice(first), ...subjects.slice(0, first)]) {
        await untilAllLive(bench);
        const sample = await measure({ ...runOf(bench), shape, subject, round });
        samples.push(sample);
        sayProgress(sample);
      }
    }
  }
  return samples;
}

/** So that none delivers to a real OpenTSDB while another is measured. */
async function untilAllLive({ farEnd, subjects }: Bench): Promise<void> {
  if (farEnd.isPrivate) return;
  for (const { admin } of subjects) if (admin !== undefined) await untilLive(admin);
}

function runOf({ options, tools, farEnd }: Bench): {
  tools: Tools;
  farEnd: FarEnd;
  seconds: number;
} {
  return { tools, farEnd, seconds: options.seconds };
}

async function runOutages({ options, tools, folder }: Bench): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const seconds = Math.max(OUTAGE_SECONDS_MIN, options.seconds);
  for (const outage of options.outages) {
    const sample = await measureOutage({ tools, folder, main: options.main, outage, seconds });
    samples.push(sample);
    sayProgress(sample);
  }
  return samples;
}

async function runReading({ options, tools, folder }: Bench): Promise<readonly Sample[]> {
  const { kafka: broker, main, seconds, rounds } = options;
  const samples: Sample[] = [];
  if (broker === undefined || !options.isReading) return samples;
  for (let round = 0; round < rounds; round += 1) {
    const sample = await measureReading({ tools, folder, main, broker, round, seconds });
    samples.push(sample);
    sayProgress(sample);
  }
  return samples;
}

function finish(options: Options, samples: readonly Sample[]): number {
  const against = options.openTsdb === undefined ? 'null' : 'opentsdb';
  const rows = summarize(samples);
  const verdicts = options.subjects.includes('tsdb-wal') ? judge(rows, against) : [];
  say(`\n${resultTable(rows)}\n\n`);
  if (verdicts.length > 0) say(`${verdictTable(verdicts)}\n\n`);
  const faults = samples.filter(({ fault }) => fault !== undefined);
  for (const { round, shape, subject, fault } of faults) {
    say(`FAULT in round ${round + 1}, ${shape} through ${subject}: ${fault}\n`);
  }
  if (options.json !== undefined) writeJson(options.json, { options, samples, rows, verdicts });
  const isMissed = options.isStrict && verdicts.some(({ verdict }) => verdict === 'missed');
  return faults.length > 0 || isMissed ? 1 : 0;
}

interface Result {
  readonly options: Options;
  readonly samples: readonly Sample[];
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
}

function writeJson(path: string, { options, samples, rows, verdicts }: Result): void {
  const { rounds, seconds, subjects, isFloorNoDelay } = options;
  const against = options.openTsdb === undefined ? 'null' : 'opentsdb';
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    kernel: release(),
    loadAverageAtEnd: loadavg(),
  };
  const settings = { rounds, seconds, subjects, against, isFloorNoDelay };
  const result = { version: 1, at: new Date().toISOString(), machine, settings };
  writeFileSync(
    path,
    `${JSON.stringify({ ...result, summary: rows, targets: verdicts, samples }, null, 2)}\n`,
  );
}

function sayProgress(sample: Sample): void {
  const { round, shape, subject, pointsPerSecond, isDegraded, fault } = sample;
  const rate = Math.round(pointsPerSecond).toLocaleString('en');
  say(
    `round ${round + 1}  ${shape.padEnd(12)} ${subject.padEnd(14)} ${rate.padStart(11)} points/s`,
  );
  if (isDegraded) say('  degraded: does not count');
  say(fault === undefined ? '\n' : `  FAULT: ${fault}\n`);
}

await runProgram(runBench);
