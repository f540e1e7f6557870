import { expect, test } from 'vitest';
import { checkTerm, termsSaid } from '../../../src/cli/check-config/check-term.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { PrimaryTerm } from '../../../src/follow/primary-term.ts';
import { Cursor } from '../../../src/wal/cursor.ts';
import { freePort } from '../../kit/ports.ts';
import { tempDirectory } from '../../kit/temp.ts';

const OLD = 'http://tsdb-old:4242';
const NEW = 'http://tsdb-new:4242';
const KAFKA = { 'kafka.brokers': '127.0.0.1:1', 'kafka.topic.name': 't' };
const SAID = [{ since: 1_780_000_000_000, primary: NEW }];

async function configOf(data: string, primary: string, kafka: object = KAFKA) {
  return loadConfig({ environment: {}, flags: { ...kafka, data, primary } });
}

test('a start is told of that would feed none, as others were given another primary', async () => {
  await using data = await tempDirectory('check-term');
  const config = await configOf(data.path, OLD);
  const says = expect.stringContaining(
    `other proxies feed ${NEW} since the promotion of`,
  ) as string;
  expect(await checkTerm(config, SAID)).toEqual({ kind: 'warning', says });
  expect(await checkTerm(config, [])).toBeUndefined();
});

test('a new proxy that names what the others were given is right, one that wrote before may not be', async () => {
  await using data = await tempDirectory('check-term');
  const config = await configOf(data.path, NEW);
  expect(await checkTerm(config, SAID)).toBeUndefined();
  const cursor = await Cursor.open(data.path, 'primary');
  await cursor.move({ lane: '00000000000000aa', ordinal: 1, seq: 7 });
  const says = expect.stringContaining('which this one was not part of') as string;
  expect(await checkTerm(config, SAID)).toEqual({ kind: 'warning', says });
  await (await PrimaryTerm.open(data.path)).take({ since: 1_780_000_000_000, primary: NEW });
  expect(await checkTerm(config, SAID)).toBeUndefined();
});

test('without a topic what was said before keeps nothing from being fed', async () => {
  await using data = await tempDirectory('check-term');
  await (await PrimaryTerm.open(data.path)).take({ since: 1_780_000_000_000, primary: NEW });
  expect(await checkTerm(await configOf(data.path, OLD, {}), [])).toBeUndefined();
  expect(await checkTerm(await configOf(data.path, OLD), [])).toMatchObject({ kind: 'warning' });
});

test('a Kafka that is away says nothing', async () => {
  await using data = await tempDirectory('check-term');
  const brokers = `127.0.0.1:${await freePort()}`;
  const config = await configOf(data.path, OLD, { ...KAFKA, 'kafka.brokers': brokers });
  expect(await termsSaid(config)).toEqual([]);
});
