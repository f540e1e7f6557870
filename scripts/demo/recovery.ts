import { once } from 'node:events';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { Tsd } from '../stack/opentsdb.ts';
import type { CountingClient } from './counting-client.ts';
import type { Narrator } from './narrator.ts';
import { MAIN } from './process.ts';
import type { DemoProxy } from './proxy.ts';
import { showCommand } from './show-command.ts';

/** The series that the careless script spoils, of the counting client's. */
const SPOILT_SERIES = 3;
const GREP_LINES = 5;

export interface Recovery {
  readonly proxy: DemoProxy;
  readonly narrator: Narrator;
  /** The moment to go back to, epoch ms. */
  readonly momentMs: number;
}

/** Puts 0 over all that a few series hold, by telnet, as a script with a mistake would; resolves to how many points that were. */
export async function spoil({ proxy }: Recovery, client: CountingClient): Promise<number> {
  const lines = [...client.ledger.keys()].flatMap((key) => {
    const [metric, timestamp, ...tags] = key.split(' ');
    const isSpoilt = tags.some((tag) => Number(/^series=(\d+)$/.exec(tag)?.[1]) < SPOILT_SERIES);
    return isSpoilt ? [`put ${metric} ${timestamp} 0 ${tags.join(' ')}\n`] : [];
  });
  const socket = connect(proxy.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${lines.join('')}version\n`);
  for await (const said of createInterface(socket)) if (said.startsWith('Built on ')) break;
  socket.destroy();
  return lines.length;
}

/** Restores the moment into the empty OpenTSDB while the proxy goes on; resolves to the exit code. */
export async function restoreMoment(
  { proxy, narrator, momentMs }: Recovery,
  empty: Tsd,
  work: string,
): Promise<number | null> {
  const from = ['--data', proxy.dataDirectory];
  const to = ['--target', empty.url, '--to', String(momentMs)];
  return showCommand(narrator, [MAIN, 'restore', ...from, ...to, '--work', work]);
}

/** Asks who wrote the wrong values; they must be in the repository. */
export async function nameWriters({ proxy, narrator, momentMs }: Recovery): Promise<void> {
  const repository = join(proxy.dataDirectory, 'repository');
  const from = ['--repository', repository, '--from', String(momentMs)];
  const what = ['--metric', 'demo.new', '--tag', 'series=0', '--limit', String(GREP_LINES)];
  await showCommand(narrator, [MAIN, 'log', 'grep', ...from, ...what]);
}

/** The same question in plain SQL over the files of the repository, by Python's DuckDB, where that is installed. */
export async function askBySql({ proxy, narrator, momentMs }: Recovery): Promise<void> {
  const script = relative(process.cwd(), join(import.meta.dirname, 'who-wrote.py'));
  const repository = join(proxy.dataDirectory, 'repository');
  const code = await showCommand(narrator, [script, repository, String(momentMs)], 'python3');
  if (code !== 0) narrator.say('sql', 'not asked: Python with the package duckdb is not there');
}
