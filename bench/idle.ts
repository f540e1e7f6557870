import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/kit/ports.ts';
import { BenchTopic } from './bench-topic.ts';
import { runProgram, say } from './program.ts';
import {
  BenchError,
  buildTools,
  type Running,
  startArchive,
  startProxy,
  startSink,
  startStandby,
} from './processes.ts';
import { childPids, cpuSeconds } from './procfs.ts';
import { fixed, table } from './report.ts';

const PERCENT_MAX = 1;

/** What each process costs while nothing comes: all run side by side, rest, and their CPU time is read twice. */
const HELP = `usage: npm run bench:idle -- [options]

  --kafka HOST:PORT   also a proxy, an archiver and a standby of one topic, which is made for it and deleted
  --rest S            before it is measured (60)
  --seconds S         that it is measured (60)
  --main FILE         the built tsdb-wal (dist/main.js)
  --strict            exit with 1 when a process takes more than ${PERCENT_MAX} % of a core
  --help
`;

interface Subject {
  readonly name: string;
  readonly pid: number;
}

interface Places {
  readonly folder: string;
  /** A null sink. */
  readonly target: string;
  readonly main: string;
}

async function run(): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    options: {
      kafka: text,
      rest: { ...text, default: '60' },
      seconds: { ...text, default: '60' },
      main: { ...text, default: 'dist/main.js' },
      strict: flag,
      help: flag,
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsdb-wal-bench-'));
  const started: { stop(): Promise<void> }[] = [];
  const keep = (running: Running): Running => {
    started.push(running);
    return running;
  };
  try {
    const sink = keep(
      await startSink({ tools: await buildTools(), folder, port: await freePort() }),
    );
    const places = { folder, target: sink.address.http, main: values.main };
    const subjects = withArchiver('proxy', keep(await startProxy(places)));
    if (values.kafka !== undefined) {
      const topic = await BenchTopic.claim(values.kafka);
      started.push(topic);
      subjects.push(
        ...(await startAround(places, { brokers: values.kafka, topic: topic.name }, keep)),
      );
    }
    say(`resting ${values.rest} s, measuring ${values.seconds} s\n`);
    await sleep(Number(values.rest) * 1_000);
    const percents = await measure(subjects, Number(values.seconds));
    const rows = subjects.map(({ name }, at) => [name, fixed(percents[at])]);
    say(`\n${table([['at rest', '% of a core'], ...rows])}\n`);
    return values.strict && percents.some((percent) => percent > PERCENT_MAX) ? 1 : 0;
  } finally {
    for (const running of started.toReversed()) await running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All that may be around a topic. */
async function startAround(
  places: Places,
  kafka: { readonly brokers: string; readonly topic: string },
  keep: (running: Running) => Running,
): Promise<Subject[]> {
  const proxy = keep(await startProxy({ ...places, kafka }));
  const archive = keep(await startArchive({ ...places, kafka }));
  const standby = keep(await startStandby({ ...places, kafka }));
  return [
    ...withArchiver('proxy with Kafka', proxy),
    { name: 'archive', pid: archive.pid },
    { name: 'standby', pid: standby.pid },
  ];
}

function withArchiver(name: string, { pid }: Running): Subject[] {
  const [archiver] = childPids(pid);
  if (archiver === undefined) throw new BenchError('bench: the proxy has no archiver');
  return [
    { name, pid },
    { name: 'its archiver', pid: archiver },
  ];
}

async function measure(subjects: readonly Subject[], seconds: number): Promise<readonly number[]> {
  const read = (): readonly number[] => subjects.map(({ pid }) => cpuSeconds(pid));
  const before = read();
  const startMs = performance.now();
  await sleep(seconds * 1_000);
  const tookSeconds = (performance.now() - startMs) / 1_000;
  return read().map((after, at) => (100 * (after - (before[at] ?? 0))) / tookSeconds);
}

await runProgram(run);
