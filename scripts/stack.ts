import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchJars, missingTools } from './stack/jars.ts';
import { lastingPlace, sweep } from './stack/places.ts';
import { daemonsOf, Stack, startStack, stopAll } from './stack/stack.ts';

const USAGE = `usage: npm run stack -- COMMAND
  up [--set KEY=VALUE ...]     start Kafka, HBase and two OpenTSDBs: primary and standby
  fresh NAME [--port PORT] [--set KEY=VALUE ...]
                               one more OpenTSDB, with empty tables
  status                       what runs, and where
  down                         end all of it; data stay for the next up
--set: a setting of OpenTSDB, such as tsd.storage.fix_duplicates=false
--base PORT or TSDB_STACK_PORT: the first of the ports (31400)
TSDB_STACK_DIR: where jars and data are kept
`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
    base: { type: 'string', default: process.env['TSDB_STACK_PORT'] ?? '31400' },
  },
});
const [command, name] = positionals;
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const basePort = Number(values.base);
const place = lastingPlace(basePort);
const settings = Object.fromEntries(values.set.map(parseSetting));

switch (command ?? '') {
  case 'up':
    await up();
    break;
  case 'fresh':
    if (name === undefined || !/^[a-z0-9-]+$/i.test(name)) fail(USAGE);
    await fresh(name);
    break;
  case 'status':
    status();
    break;
  case 'down':
    await stopAll(place.directory, place.purpose);
    await sweep();
    break;
  default:
    fail(USAGE);
}

async function up(): Promise<void> {
  await needTools();
  await sweep();
  say('Starting; the first time, Maven fetches about 200 MB of jars.');
  await fetchJars(['kafka', 'hbase', 'opentsdb']);
  const stack = await startStack(place);
  const kafka = await stack.kafka();
  for (const [offset, tsd] of ['primary', 'standby'].entries()) {
    const port = basePort + 42 + offset;
    const { url } = await stack.namedOpentsdb(tsd, { tables: 'keep', port, settings });
    say(`${tsd.padEnd(8)} ${url}`);
  }
  say(`kafka    ${kafka.address}`);
}

async function fresh(tsd: string): Promise<void> {
  await needTools();
  const running = daemonsOf(place.directory).filter((daemon) => daemon.running);
  if (!running.some((daemon) => daemon.name === 'hbase'))
    fail('HBase does not run: start it by `up`.\n');
  if (running.some((daemon) => daemon.name === `tsd-${tsd}`)) fail(`${tsd} runs already.\n`);
  const stack = await Stack.at(place);
  const port = values.port === undefined ? {} : { port: Number(values.port) };
  const { url } = await stack.namedOpentsdb(tsd, { tables: 'empty', settings, ...port });
  say(`${tsd.padEnd(8)} ${url}`);
}

function status(): void {
  const daemons = daemonsOf(place.directory);
  if (daemons.length === 0) say('Nothing runs.');
  for (const daemon of daemons) {
    const state = daemon.pid === undefined ? 'ended' : `runs, process ${daemon.pid}`;
    say(`${daemon.name.padEnd(14)} ${addressOf(daemon.name).padEnd(24)} ${state}`);
  }
}

function addressOf(daemon: string): string {
  if (daemon === 'kafka') return `127.0.0.1:${place.ports.kafka}`;
  if (daemon === 'hbase') return `127.0.0.1:${place.ports.zookeeper}`;
  const config = join(place.directory, daemon, 'opentsdb.conf');
  if (!existsSync(config)) return '';
  const port = /^tsd\.network\.port = (\d+)$/m.exec(readFileSync(config, 'utf8'))?.[1];
  return `http://127.0.0.1:${port}`;
}

function parseSetting(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) fail(`--set needs KEY=VALUE, not ${text}\n`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

async function needTools(): Promise<void> {
  const missing = await missingTools();
  if (missing !== undefined) fail(`${missing}.\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(message: string): never {
  process.stderr.write(message);
  process.exit(2);
}
