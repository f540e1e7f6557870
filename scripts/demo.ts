import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { compareCells } from './demo/comparison.ts';
import { CountingClient } from './demo/counting-client.ts';
import { Endings } from './demo/endings.ts';
import { type LoggedCells, readLoggedCells } from './demo/logged-cells.ts';
import { Narrator } from './demo/narrator.ts';
import { DemoProxy } from './demo/proxy.ts';
import { report } from './demo/report.ts';
import { type Recovery, askBySql, nameWriters, restoreMoment, spoil } from './demo/recovery.ts';
import { demonstrateShared } from './demo/shared.ts';
import { feedCollectd, feedNetdata, type Stage, startHbase } from './demo/stage.ts';
import { queryStoredCells } from './demo/stored-cells.ts';
import { BY_TURNS, playTimeline } from './demo/timeline.ts';
import { allConfirmed, watch } from './demo/watch.ts';
import { missingTools } from './stack/jars.ts';
import type { Tsd } from './stack/opentsdb.ts';

const USAGE = `usage: npm run demo -- [--kafka] [--seconds N] [--keep]
Real collectors feed the proxy for N seconds (60, at least 30) while a real OpenTSDB and the proxy are killed and come
back; then every cell of the log is looked up in OpenTSDB. After that a script with a mistake writes over some series,
and the moment before is restored into an empty OpenTSDB, where again every cell is looked up. Exits with 0 when none
is missing or different.
--kafka: two proxies on one topic, two archivers, a standby and Kafka instead, each killed in turn; in the end primary,
standby and a restore are compared with the logs.
--keep: leave the log of the proxy, and what all programs printed, in a directory that is told.
`;
const LIMITS = { secondsMin: 30, secondsMax: 600, confirmMsMax: 180_000 } as const;
const MOMENT_MS = 2_500;

const { seconds, keep, isShared } = readOptions();
const narrator = new Narrator();
const endings = new Endings();
const interrupted = new AbortController();
const { signal } = interrupted;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interrupted.abort(new Error(`ended by ${name}`)));
}

let exitCode = 1;
try {
  await needTools();
  exitCode = (await Promise.race([demonstrate(), rejectedOnAbort()])) ? 0 : 1;
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  for (const failure of await endings.run()) process.stderr.write(`demo: ${failure}\n`);
}
process.exit(signal.aborted ? 130 : exitCode);

async function demonstrate(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'tsdb-wal-demo-'));
  if (keep) narrator.say('keep', directory);
  else endings.add(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const stage = { narrator, endings, signal, directory, seconds };
  if (isShared) return demonstrateShared(stage);
  const stack = await startHbase(stage);
  const tsd = await stack.opentsdb('demo');
  const proxy = await DemoProxy.create({ primary: tsd.url, directory });
  endings.add(() => proxy.kill9());
  await proxy.start();
  narrator.say('proxy', 'takes data');
  const client = await feed(stage, { tsd, proxy });
  await allConfirmed(proxy, { msMax: LIMITS.confirmMsMax, signal });
  narrator.say('confirmed', 'OpenTSDB stores all that the log holds, by what the proxy says');
  const logged = await readLoggedCells(proxy.dataDirectory);
  const runs = `${logged.lanes} runs of the proxy wrote to it, holes: ${logged.holes.length}`;
  narrator.say('log', `${logged.cells.size} cells in it; ${runs}`);
  const stored = await queryStoredCells(tsd.url, [...logged.cells.values()]);
  narrator.say('opentsdb', `answers ${stored.size} cells of the same metrics`);
  const isWhole = report(compareCells(logged, stored, client.ledger), { client, narrator });
  const empty = await stack.opentsdb('demo-restored');
  const recovery: Recovery = { proxy, narrator, momentMs: Date.now() };
  const isRestored = await recover(recovery, {
    empty,
    client,
    logged,
    work: join(directory, 'work'),
  });
  narrator.say('proxy', `asked to end: exit code ${await proxy.terminate()}`);
  await nameWriters(recovery);
  await askBySql(recovery);
  return isWhole && isRestored;
}

interface Loss {
  readonly empty: Tsd;
  readonly client: CountingClient;
  /** What was there at the moment to go back to. */
  readonly logged: LoggedCells;
  readonly work: string;
}

/** Someone writes over what is there; the moment before is restored beside it, and compared. */
async function recover(
  recovery: Recovery,
  { empty, client, logged, work }: Loss,
): Promise<boolean> {
  narrator.line();
  narrator.say('moment', new Date(recovery.momentMs).toISOString());
  // The moment is then over before anything else is received.
  await sleep(MOMENT_MS, undefined, { signal });
  narrator.say('mistake', `a script puts 0 over ${await spoil(recovery, client)} points`);
  // Of the moment itself all is known once something later is in the log, which idle seconds are, too.
  await sleep(MOMENT_MS, undefined, { signal });
  const code = await restoreMoment(recovery, empty, work);
  const restored = await queryStoredCells(empty.url, [...logged.cells.values()]);
  narrator.say('opentsdb', `the restored one answers ${restored.size} cells`);
  const isSame = report(compareCells(logged, restored, client.ledger), { client, narrator });
  return code === 0 && isSame;
}

/** Lets the sources send while the timeline plays; resolves when they have ended. */
async function feed(
  stage: Stage,
  { tsd, proxy }: { readonly tsd: Tsd; readonly proxy: DemoProxy },
): Promise<CountingClient> {
  narrator.begin();
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const gone = new AbortController();
  const watching = watch(proxy, narrator, gone.signal);
  endings.add(() => {
    gone.abort();
    return watching;
  });
  const client = new CountingClient(proxy.url);
  const counting = client.run(until);
  narrator.say('client', 'our own counting client sends 200 points a second, by HTTP');
  const to = { host: '127.0.0.1', port: proxy.port };
  const collectors = await Promise.all([feedCollectd(stage, to), feedNetdata(stage, to)]);
  await playTimeline(BY_TURNS, { tsd, proxy, narrator }, { seconds, signal });
  narrator.say('stop', 'all sources');
  over.abort();
  await Promise.all([counting, ...collectors.map((collector) => collector?.stop())]);
  narrator.say('wait', 'until the proxy has shown that OpenTSDB stores all (it looks back 10 s)');
  return client;
}

async function needTools(): Promise<void> {
  const missing = await missingTools();
  if (missing !== undefined) {
    const packages = 'apt-get install --no-install-recommends openjdk-17-jdk-headless maven';
    throw new Error(`${missing}. On Debian or Ubuntu: ${packages}`);
  }
  const prepare = join(import.meta.dirname, 'prepare.mjs');
  const built = spawnSync(process.execPath, [prepare, '--build'], { stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the proxy could not be built');
}

function rejectedOnAbort(): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function readOptions(): {
  readonly seconds: number;
  readonly keep: boolean;
  readonly isShared: boolean;
} {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      keep: { type: 'boolean', default: false },
      kafka: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const number = Number(values.seconds);
  if (!values.help && number >= LIMITS.secondsMin && number <= LIMITS.secondsMax) {
    return { seconds: number, keep: values.keep, isShared: values.kafka };
  }
  process.stderr.write(USAGE);
  process.exit(values.help ? 0 : 2);
}
