import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../stack/daemon.ts';
import type { Tsd } from '../stack/opentsdb.ts';
import { compareCells } from './comparison.ts';
import { type Counted, countedTogether, CountingClient } from './counting-client.ts';
import { type LoggedCells, loggedTogether, readLoggedCells } from './logged-cells.ts';
import type { Narrator } from './narrator.ts';
import { ask, DemoProcess, MAIN, ownEnvironment } from './process.ts';
import { DemoProxy } from './proxy.ts';
import { report } from './report.ts';
import { showCommand } from './show-command.ts';
import { feedCollectd, feedNetdata, type Stage, startHbase } from './stage.ts';
import { queryStoredCells } from './stored-cells.ts';
import { playTimeline, type Step } from './timeline.ts';
import { allConfirmed, watch } from './watch.ts';
import { freePort } from '../../test/kit/ports.ts';

const TOPIC = 'demo';
const LIMITS = { confirmMsMax: 180_000, containMsMax: 180_000, archiveMsMax: 120_000 } as const;
const POLL_MS = 1_000;
/** Later than what the sources sent, and logged by idle proxies. */
const MOMENT_MS = 2_000;

interface Cast {
  readonly narrator: Narrator;
  readonly kafka: Daemon;
  readonly primary: Tsd;
  readonly target: Tsd;
  readonly proxies: readonly [DemoProxy, DemoProxy];
  readonly archivers: readonly [DemoProcess, DemoProcess];
  readonly standby: Standby;
  readonly repository: string;
  readonly makeEmpty: () => Promise<Tsd>;
}

interface Standby {
  readonly process: DemoProcess;
  readonly adminPort: number;
}

/** Each is killed while the others go on; `at` is a sixtieth of the whole time. */
const STEPS: readonly Step<Cast>[] = [
  { at: 5, act: (cast) => restart(cast, cast.proxies[0]) },
  { at: 12, act: (cast) => restart(cast, cast.archivers[0]) },
  { at: 18, act: (cast) => kill(cast, 'Kafka', cast.kafka) },
  { at: 24, act: (cast) => start(cast, 'Kafka', cast.kafka) },
  { at: 30, act: (cast) => restart(cast, cast.proxies[1]) },
  { at: 36, act: (cast) => kill(cast, 'OpenTSDB, the primary', cast.primary) },
  { at: 42, act: (cast) => start(cast, 'OpenTSDB, the primary', cast.primary) },
  { at: 46, act: (cast) => restart(cast, cast.standby.process) },
  { at: 50, act: (cast) => restart(cast, cast.archivers[1]) },
  { at: 54, act: (cast) => kill(cast, 'OpenTSDB, the standby’s', cast.target) },
  { at: 56, act: (cast) => start(cast, 'OpenTSDB, the standby’s', cast.target) },
];

/**
 * Two proxies on one topic and one OpenTSDB, two archivers that share the topic, and a standby that follows it. Each is killed in
 * turn, and Kafka too. In the end primary, standby and a restore from the archive must agree with the logs to the point.
 */
export async function demonstrateShared(stage: Stage): Promise<boolean> {
  const { narrator, signal } = stage;
  const cast = await startCast(stage);
  const client = await feed(stage, cast);
  await sleep(MOMENT_MS, undefined, { signal });
  const momentMs = Date.now();
  await sleep(MOMENT_MS, undefined, { signal });
  for (const proxy of cast.proxies) {
    await allConfirmed(proxy, { msMax: LIMITS.confirmMsMax, signal });
  }
  narrator.say('confirmed', 'OpenTSDB stores all that both logs hold, by what the proxies say');
  const logs = await Promise.all(cast.proxies.map((proxy) => readLoggedCells(proxy.dataDirectory)));
  const logged = loggedTogether(logs);
  narrator.say(
    'logs',
    `${logged.cells.size} cells in them, of ${logged.lanes} runs of the proxies`,
  );
  const judge = judgeBy({ narrator, logged, client });
  const isPrimary = await judge('the primary', cast.primary);
  await untilContained(cast, signal);
  const isStandby = await judge('the standby', cast.target);
  const both = ['--source', cast.primary.url, '--target', cast.target.url];
  const isSame = (await showCommand(narrator, [MAIN, 'compare', ...both])) === 0;
  // The end of a log is archived at once when its proxy ends in order, else with the next writes.
  for (const proxy of cast.proxies) {
    narrator.say(proxy.name, `asked to end: exit code ${await proxy.terminate()}`);
  }
  const isRestored = await restored(stage, cast, { momentMs, judge });
  return isPrimary && isStandby && isSame && isRestored;
}

async function startCast(stage: Stage): Promise<Cast> {
  const { narrator, directory, endings } = stage;
  const stack = await startHbase(stage);
  const primary = await stack.opentsdb('demo');
  const target = await stack.opentsdb('demo-standby');
  const { address, broker: kafka } = await stack.kafka();
  narrator.say('kafka', address);
  const at = ['--kafka', address, '--topic', TOPIC];
  const made = ['--kafka-topic-create', 'true', '--kafka-topic-replication', '1'];
  const flags = [...at, ...made, '--archive', 'off', '--wal-cut-interval', '5s'];
  const proxyOf = (name: string) =>
    DemoProxy.create({ primary: primary.url, directory, name, flags });
  const proxies = [await proxyOf('a'), await proxyOf('b')] as const;
  const repository = join(directory, 'repository');
  const archiverOf = (n: number) =>
    new DemoProcess({
      name: `archiver ${n}`,
      args: [
        'archive',
        ...at,
        '--repository',
        repository,
        '--data',
        join(directory, `archiver-${n}`),
      ],
      logPath: join(directory, `archiver-${n}.log`),
      isReady: async () => true,
    });
  const archivers = [archiverOf(1), archiverOf(2)] as const;
  const standby = await standbyOf(at, { target, directory });
  for (const one of [...proxies, ...archivers, standby.process]) {
    endings.add(() => one.kill9());
    await one.start();
    narrator.say(one.name, 'started');
  }
  const makeEmpty = () => stack.opentsdb('demo-restored');
  return { narrator, kafka, primary, target, proxies, archivers, standby, repository, makeEmpty };
}

async function standbyOf(
  at: readonly string[],
  { target, directory }: { readonly target: Tsd; readonly directory: string },
): Promise<Standby> {
  const adminPort = await freePort();
  const places = ['--target', target.url, '--state', join(directory, 'standby')];
  const process = new DemoProcess({
    name: 'standby',
    args: ['standby', ...at, ...places, '--admin', `127.0.0.1:${adminPort}`],
    logPath: join(directory, 'standby.log'),
    isReady: async () => (await ask(adminPort, '/status'))?.ok === true,
  });
  return { process, adminPort };
}

/** Lets the sources send while the timeline plays; resolves when they have ended. */
async function feed(stage: Stage, cast: Cast): Promise<Counted> {
  const { narrator, endings, signal } = stage;
  const [a, b] = cast.proxies;
  narrator.begin();
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const gone = new AbortController();
  const watching = cast.proxies.map((proxy) => watch(proxy, narrator, gone.signal));
  endings.add(async () => {
    gone.abort();
    await Promise.all(watching);
  });
  const clients = [new CountingClient(a.url, 'client-a'), new CountingClient(b.url, 'client-b')];
  const counting = clients.map((client) => client.run(until));
  narrator.say('clients', 'two counting clients send 200 points a second each, one to each proxy');
  const collectors = await Promise.all([
    feedCollectd(stage, { host: '127.0.0.1', port: a.port }),
    feedNetdata(stage, { host: '127.0.0.1', port: b.port }),
  ]);
  await playTimeline(STEPS, cast, stage);
  narrator.say('stop', 'all sources');
  over.abort();
  await Promise.all([...counting, ...collectors.map((collector) => collector?.stop())]);
  return countedTogether(clients);
}

interface Killed {
  kill9(): Promise<void>;
  start(): Promise<void>;
}

async function restart(cast: Cast, one: Killed & { readonly name: string }): Promise<void> {
  await kill(cast, one.name, one);
  await start(cast, one.name, one);
}

async function kill({ narrator }: Cast, name: string, one: Killed): Promise<void> {
  narrator.say('kill -9', name);
  await one.kill9();
}

async function start({ narrator }: Cast, name: string, one: Killed): Promise<void> {
  narrator.say('start', name);
  await one.start();
}

type Judge = (name: string, tsd: Tsd) => Promise<boolean>;

function judgeBy({
  narrator,
  logged,
  client,
}: {
  readonly narrator: Narrator;
  readonly logged: LoggedCells;
  readonly client: Counted;
}): Judge {
  return async (name, tsd) => {
    const stored = await queryStoredCells(tsd.url, [...logged.cells.values()]);
    narrator.line();
    narrator.say('compare', `${name} answers ${stored.size} cells of the same metrics`);
    return report(compareCells(logged, stored, client.ledger), { client, narrator });
  };
}

/** Until the standby says that its target stores all that the proxies have logged so far. */
async function untilContained(
  { proxies, standby, narrator }: Cast,
  signal: AbortSignal,
): Promise<void> {
  const statuses = await Promise.all(proxies.map((proxy) => proxy.status()));
  const ends = statuses.map((status) => (status?.log.durable ?? '').split('/'));
  const deadline = Date.now() + LIMITS.containMsMax;
  for (;;) {
    const answer = await ask(standby.adminPort, '/status');
    const status = (await answer?.json()) as StandbyStatus | undefined;
    const contained = new Map(status?.contains.lanes.map(({ lane, seq }) => [lane, seq]));
    if (ends.every(([lane = '', seq]) => (contained.get(lane) ?? 0) >= Number(seq))) break;
    if (Date.now() > deadline) {
      throw new Error(
        `the standby lacks something of ${ends.join(' and ')}: ${JSON.stringify(status)}`,
      );
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  narrator.say('standby', 'contains all that both logs hold, by what it says');
}

interface StandbyStatus {
  readonly contains: { readonly lanes: readonly { readonly lane: string; readonly seq: number }[] };
}

/** Restores the moment from the archive of the topic into an empty OpenTSDB. */
async function restored(
  stage: Stage,
  cast: Cast,
  { momentMs, judge }: { readonly momentMs: number; readonly judge: Judge },
): Promise<boolean> {
  const { narrator, directory } = stage;
  await untilArchived(cast, momentMs, stage.signal);
  narrator.say('archivers', `the archive has all up to ${new Date(momentMs).toISOString()}`);
  const empty = await cast.makeEmpty();
  const from = ['--repository', cast.repository, '--to', String(momentMs)];
  const to = ['--target', empty.url, '--work', join(directory, 'work')];
  const code = await showCommand(narrator, [MAIN, 'restore', ...from, ...to]);
  return (await judge('the restored one', empty)) && code === 0;
}

async function untilArchived(
  { repository }: Cast,
  momentMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + LIMITS.archiveMsMax;
  for (;;) {
    const { restorable } = await info(repository);
    if (
      restorable.some(({ from, to }) => Date.parse(from) <= momentMs && momentMs <= Date.parse(to))
    )
      return;
    if (Date.now() > deadline) throw new Error(`not archived: ${JSON.stringify(restorable)}`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

interface Info {
  readonly restorable: readonly { readonly from: string; readonly to: string }[];
}

async function info(repository: string): Promise<Info> {
  const args = [MAIN, 'info', '--repository', repository, '--json'];
  const child = spawn(process.execPath, args, {
    env: ownEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said = await text(child.stdout);
  await exited;
  return JSON.parse(said) as Info;
}
