import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../test/kit/ports.ts';

/**
 * The processes of a bench: each is started by path, waited for until it answers, and ended by its own handle.
 * What they print goes to a file in the run's folder, so that a failed start can show it.
 */
const BENCH = dirname(fileURLToPath(import.meta.url));
const PROJECT = dirname(BENCH);
const FLOOR = fileURLToPath(new URL('./floor-proxy.mjs', import.meta.url));
const LEAST_LOG = fileURLToPath(new URL('./least-log-proxy.mjs', import.meta.url));
const LIMITS = { startMsMax: 30_000, stopMsMax: 15_000 } as const;
const run = promisify(execFile);

export class BenchError extends Error {}

export interface Running {
  readonly name: string;
  readonly pid: number;
  /** `host:port` for each transport. */
  readonly address: { readonly http: string; readonly telnet: string };
  /** `host:port` where a tsdb-wal tells how it is. */
  readonly admin?: string;
  stop(): Promise<void>;
}

export interface Tools {
  readonly load: string;
  readonly sink: string;
}

/** Builds the load generator and the sink; without Go it uses what an earlier build left. */
export async function buildTools(): Promise<Tools> {
  const tools = { load: join(BENCH, 'bin', 'tsdload'), sink: join(BENCH, 'bin', 'nulltsd') };
  try {
    await run('go', ['build', '-o', tools.load, './tsdload'], { cwd: BENCH });
    await run('go', ['build', '-o', tools.sink, './nulltsd'], { cwd: BENCH });
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (!isMissing) throw new BenchError('bench: the Go tools do not build', { cause });
    if (!existsSync(tools.load) || !existsSync(tools.sink)) {
      throw new BenchError(
        'bench: the load generator and the null sink are written in Go, and `go` is not on the PATH.\n' +
          'Install Go 1.21 or later (Debian: golang-go) and run the bench again.',
        { cause },
      );
    }
  }
  return tools;
}

interface SinkOptions {
  readonly tools: Tools;
  readonly folder: string;
  readonly port: number;
  /** Counts only the points that hold this text. */
  readonly only?: string;
}

export async function startSink({ tools, folder, port, only }: SinkOptions): Promise<Running> {
  const command = [tools.sink, '-addr', `127.0.0.1:${port}`, ...(only ? ['-only', only] : [])];
  return start({ name: 'sink', folder, command, ports: { http: port, telnet: port } });
}

interface FloorOptions {
  readonly folder: string;
  readonly target: string;
  /** Telnet sockets with TCP_NODELAY: another, higher floor than the one the targets refer to. */
  readonly noDelay: boolean;
}

export async function startFloor({ folder, target, noDelay }: FloorOptions): Promise<Running> {
  const ports = { http: await freePort(), telnet: await freePort() };
  const command = [process.execPath, FLOOR, target, `${ports.http}`, `${ports.telnet}`];
  if (noDelay) command.push('nodelay');
  return start({ name: 'floor', folder, command, ports });
}

/** The least that syncs what it gets to a file before it passes it on. */
export async function startLeastLog({ folder, target, noDelay }: FloorOptions): Promise<Running> {
  const ports = { http: await freePort(), telnet: await freePort() };
  const command = [process.execPath, LEAST_LOG, target, `${ports.http}`, `${ports.telnet}`];
  command.push(join(folder, 'least-log'));
  if (noDelay) command.push('nodelay');
  return start({ name: 'least log', folder, command, ports });
}

interface ProxyOptions {
  readonly folder: string;
  readonly target: string;
  /** The built program, relative to the project. */
  readonly main: string;
  /** Answers wait for it, too. */
  readonly kafka?: { readonly brokers: string; readonly topic: string };
}

type WithKafka = ProxyOptions & Required<Pick<ProxyOptions, 'kafka'>>;

export async function startProxy({ folder, target, main, kafka }: ProxyOptions): Promise<Running> {
  const program = builtProgram(main);
  const port = await freePort();
  const data = join(folder, `data-${port}`);
  const command = [...NODE, program, 'start', '--listen', `127.0.0.1:${port}`];
  command.push('--primary', `http://${target}`, '--data', data);
  const admin = `127.0.0.1:${await freePort()}`;
  command.push('--admin', admin);
  if (kafka !== undefined) {
    command.push('--kafka', kafka.brokers, '--topic', kafka.topic);
    command.push('--kafka-topic-create', 'true', '--kafka-topic-replication', '1');
  }
  const name = kafka === undefined ? 'tsdb-wal' : 'tsdb-wal+kafka';
  const ports = { http: port, telnet: port };
  return { ...(await start({ ...PROGRAM, name, folder, command, ports })), admin };
}

/** A standby that begins with the oldest of a topic; it listens on nothing but its admin address. */
export async function startStandby(options: WithKafka): Promise<Running> {
  const { folder, target, main, kafka } = options;
  const port = await freePort();
  const command = [...NODE, builtProgram(main), 'standby', '--target', `http://${target}`];
  command.push('--state', join(folder, `standby-${port}`), '--begin', 'oldest');
  command.push('--kafka', kafka.brokers, '--topic', kafka.topic, '--admin', `127.0.0.1:${port}`);
  return start({
    ...PROGRAM,
    name: 'standby',
    folder,
    command,
    ports: { http: port, telnet: port },
  });
}

/** An archiver of a topic; it listens on nothing but its admin address. */
export async function startArchive({ folder, main, kafka }: WithKafka): Promise<Running> {
  const port = await freePort();
  const command = [
    ...NODE,
    builtProgram(main),
    'archive',
    '--data',
    join(folder, `archive-${port}`),
  ];
  command.push('--repository', join(folder, `repository-${port}`));
  command.push('--kafka', kafka.brokers, '--topic', kafka.topic, '--admin', `127.0.0.1:${port}`);
  const ports = { http: port, telnet: port };
  return start({ ...PROGRAM, name: 'archive', folder, command, ports });
}

function builtProgram(main: string): string {
  const program = resolvePath(PROJECT, main);
  if (!existsSync(program)) {
    throw new BenchError(`bench: ${main} is missing: run \`npm run build\` first`);
  }
  return program;
}

/** As `npm start` does it. */
const NODE = [process.execPath, '--max-semi-space-size=4', '--v8-pool-size=1'];
const PROGRAM = { environment: { MALLOC_MMAP_THRESHOLD_: '131072' } } as const;

interface StartOptions {
  readonly name: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly command: readonly string[];
  readonly ports: { readonly http: number; readonly telnet: number };
}

async function start({
  name,
  environment,
  folder,
  command,
  ports,
}: StartOptions): Promise<Running> {
  const [file = '', ...args] = command;
  const logPath = join(folder, `${name}.log`);
  const log = openSync(logPath, 'a');
  const child = spawn(file, args, {
    cwd: PROJECT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', log, log],
  });
  const { pid } = child;
  if (pid === undefined) throw new BenchError(`bench: ${name} did not start: ${command.join(' ')}`);
  for (const port of new Set(Object.values(ports))) {
    if (!(await opens(port, child))) {
      await stop(child);
      const tail = readFileSync(logPath, 'utf8').slice(-2_000);
      throw new BenchError(`bench: ${name} does not listen on ${port}:\n${tail}`);
    }
  }
  const address = { http: `127.0.0.1:${ports.http}`, telnet: `127.0.0.1:${ports.telnet}` };
  return { name, pid, address, stop: () => stop(child) };
}

async function opens(port: number, child: ChildProcess): Promise<boolean> {
  const until = Date.now() + LIMITS.startMsMax;
  while (Date.now() < until && child.exitCode === null && child.signalCode === null) {
    if (await accepts(port)) return true;
    await sleep(50);
  }
  return false;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMITS.stopMsMax);
  await exited;
  clearTimeout(timer);
}
