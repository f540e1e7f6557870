import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectdConfig, netdataConfig, netdataExporting } from './collector-config.ts';
import type { Feed } from './collector-config.ts';

/**
 * Two real collectors that feed the proxy, each started with a configuration of its own and ended by its handle.
 *
 * collectd (write_tsdb) speaks telnet and never reads an answer, so none of its points is ever acknowledged. It sends
 * when 1,428 bytes have gathered. While nobody listens it drops what it measures and tries to connect at each value;
 * what it wrote into a connection that then breaks is gone as well. So a check asks for the points the proxy logged.
 *
 * netdata (its OpenTSDB exporter over HTTP) posts JSON arrays of some 350 points to /api/put once per interval. While
 * nobody listens it keeps `buffer on failures` intervals, here 60, and sends them, in order, when someone does.
 */
const START_MS_MAX = 1_500;
const STOP_MS_MAX = 10_000;

export interface CollectorOptions extends Feed {
  readonly directory: string;
}

export interface Collector {
  readonly name: string;
  readonly pid: number;
  readonly logPath: string;
  isRunning(): boolean;
  stop(): Promise<void>;
}

export function startCollectd(options: CollectorOptions): Promise<Collector> {
  return start({
    name: 'collectd',
    program: find('collectd', 'collectd-core'),
    directory: options.directory,
    folders: [],
    files: { 'collectd.conf': collectdConfig(options, options.directory) },
    args: ['-f', '-C', join(options.directory, 'collectd.conf')],
  });
}

export function startHttpSource(options: CollectorOptions): Promise<Collector> {
  return start({
    name: 'netdata',
    program: find('netdata', 'netdata-core'),
    directory: options.directory,
    folders: ['cache', 'lib', 'log'],
    files: {
      'netdata.conf': netdataConfig(options.directory, userName()),
      'exporting.conf': netdataExporting(options),
      '.opt-out-from-anonymous-statistics': '',
    },
    args: ['-D', '-c', join(options.directory, 'netdata.conf')],
  });
}

/** Both live in /usr/sbin, which is often not on the path of a user. */
function find(program: string, debianPackage: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  const path = folders.map((folder) => join(folder, program)).find((one) => existsSync(one));
  if (path === undefined) {
    throw new Error(
      `${program} is not installed: on Debian or Ubuntu, ` +
        `apt-get install --no-install-recommends ${debianPackage}`,
    );
  }
  return path;
}

function userName(): string {
  return process.env['USER'] ?? (process.getuid?.() === 0 ? 'root' : 'nobody');
}

interface StartOptions {
  readonly name: string;
  readonly program: string;
  readonly directory: string;
  readonly folders: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

async function start(options: StartOptions): Promise<Collector> {
  const { name, program, directory, folders, files, args } = options;
  for (const folder of ['', ...folders]) {
    await mkdir(join(directory, folder), { recursive: true });
  }
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  const logPath = join(directory, `${name}.out`);
  const log = openSync(logPath, 'a');
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  const failed = new Promise<Error>((resolve) => child.once('error', resolve));
  const error = await Promise.race([failed, sleep(START_MS_MAX)]);
  const { pid } = child;
  if (error !== undefined || pid === undefined || !isRunning(child)) {
    throw new Error(`${name} ended at its start, see ${logPath}`, { cause: error });
  }
  return { name, pid, logPath, isRunning: () => isRunning(child), stop: () => stop(child) };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function stop(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
