import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatConfig } from '../../src/config/format.ts';
import { isGiven, loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/options.ts';
import { WalError } from '../../src/runtime/errors.ts';

describe('the configuration', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-config-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  interface Given {
    readonly yaml?: string;
    readonly environment?: Record<string, string>;
    readonly flags?: Record<string, string>;
  }

  const load = async ({ yaml, environment = {}, flags = {} }: Given): Promise<Config> => {
    const file = join(folder, 'wal.yaml');
    if (yaml !== undefined) await writeFile(file, yaml);
    return loadConfig({ file: yaml === undefined ? undefined : file, environment, flags });
  };

  const problemsOf = async (given: Given): Promise<readonly string[]> => {
    const error: unknown = await load(given).catch((thrown: unknown) => thrown);
    if (!(error instanceof WalError)) throw new Error('no WalError was thrown');
    expect(error.code).toBe('CONFIG_INVALID');
    const problems = (error.context['problems'] ?? [error.message]) as readonly string[];
    for (const problem of problems) expect(error.message).toContain(problem);
    return problems.map((problem) => problem.replaceAll(folder, ''));
  };

  test('needs nothing to be set', async () => {
    const config = await load({});
    expect(config.listen).toEqual({ host: '0.0.0.0', port: 4243 });
    expect(config.primary).toBe('http://127.0.0.1:4242');
    expect(config.data).toBe(resolve('data'));
    expect(config.wal.bytesMax).toBe(64 * 1_024 ** 3);
    expect(config.wal.retention).toBe(86_400_000);
    expect(config.blockedPaths).toEqual(['/q', '/logs', '/diediedie']);
  });

  test('puts the repository below the data directory unless it is given', async () => {
    const repositoryOf = async (flags: Record<string, string>): Promise<string> =>
      (await load({ flags })).repository;
    expect(await repositoryOf({})).toBe(resolve('data/repository'));
    expect(await repositoryOf({ data: '/srv/wal' })).toBe('/srv/wal/repository');
    const flags = { data: '/srv/wal', repository: 'DATA/../archive' };
    expect(await repositoryOf(flags)).toBe('/srv/archive');
    expect(await repositoryOf({ ...flags, repository: './DATA/r' })).toBe(resolve('DATA/r'));
    expect((await load({ yaml: 'archive: off' })).archive).toBe('off');
  });

  test('names no proxy as its own primary, as far as names tell', async () => {
    const loop = ['primary is the listen address: the proxy would feed itself; name the OpenTSDB'];
    for (const [primary, listen] of [
      ['http://127.0.0.1:4243', '0.0.0.0:4243'],
      ['http://localhost:4243', '127.0.0.1:4243'],
      ['http://[::1]:4243', '[::1]:4243'],
      ['http://tsd:4243', 'tsd:4243'],
      ['http://tsd', 'tsd:80'],
    ] as const) {
      expect(await problemsOf({ flags: { primary, listen } })).toEqual(loop);
    }
    for (const [primary, listen] of [
      ['http://127.0.0.1:4242', '10.0.0.5:4242'],
      ['http://tsd:4243', '0.0.0.0:4243'],
      ['http://127.0.0.1:4242', '0.0.0.0:4243'],
    ] as const) {
      expect((await load({ flags: { primary, listen } })).primary).toBe(primary);
    }
  });

  test('comes from flags before environment before file before defaults', async () => {
    const yaml = 'ack: wal\nwal: {bytesMax: 1GiB, segmentBytes: 1MiB}\nlisten: 1';
    const environment = { TSDB_WAL_WAL_BYTES_MAX: '2GiB', TSDB_WAL_LISTEN: '2' };
    const config = await load({ yaml, environment, flags: { listen: '3' } });
    expect(config.listen.port).toBe(3);
    expect(config.wal.bytesMax).toBe(2 * 1_024 ** 3);
    expect(config.wal.segmentBytes).toBe(1_024 ** 2);
    expect(config.ack).toBe('wal');
    expect(config.wal.freeBytesMin).toBe(1_024 ** 3);
  });

  test('is read from an empty file', async () => {
    expect(await load({ yaml: '# nothing\n' })).toEqual(await load({}));
  });

  test('is given again by what is printed of it', async () => {
    const config = await load({ flags: { 'wal.bytesMax': '3GiB', listen: '[::1]:7' } });
    expect(await load({ yaml: formatConfig(config, 'yaml') })).toEqual(config);
    expect(await load({ yaml: formatConfig(config, 'json') })).toEqual(config);
  });

  test('names an unknown key and the one that was meant', async () => {
    expect(await problemsOf({ yaml: 'wal: {byteMax: 1GiB}' })).toEqual([
      'wal.byteMax (in /wal.yaml) is not a known key; did you mean wal.bytesMax?',
    ]);
    expect(await problemsOf({ yaml: 'bytesMax: 1GiB' })).toEqual([
      'bytesMax (in /wal.yaml) is not a known key; did you mean wal.bytesMax?',
    ]);
    expect(await problemsOf({ yaml: 'colour: red' })).toEqual([
      'colour (in /wal.yaml) is not a known key',
    ]);
  });

  test('names an unknown name in the environment', async () => {
    expect(await problemsOf({ environment: { TSDB_WAL_LISTENS: '1' } })).toEqual([
      'TSDB_WAL_LISTENS (in the environment) is not a known name; did you mean TSDB_WAL_LISTEN?',
    ]);
  });

  test('leaves alone what Kubernetes sets for a service called tsdb-wal', async () => {
    const environment = {
      TSDB_WAL_SERVICE_HOST: '10.0.0.1',
      TSDB_WAL_SERVICE_PORT: '4243',
      TSDB_WAL_SERVICE_PORT_ADMIN: '4244',
      TSDB_WAL_PORT: 'tcp://10.0.0.1:4243',
      TSDB_WAL_PORT_4243_TCP: 'tcp://10.0.0.1:4243',
      TSDB_WAL_PORT_4243_TCP_ADDR: '10.0.0.1',
      TSDB_WAL_ADMIN_SERVICE_HOST: '10.0.0.2',
    };
    expect(await load({ environment })).toEqual(await load({}));
  });

  test('says where a wrong value was given, and what would be right', async () => {
    const expected =
      'expected a size with its unit (B, KiB, MiB, GiB or TiB), as 64GiB, at least 4KiB';
    expect(await problemsOf({ yaml: 'wal: {bytesMax: 64GB}' })).toEqual([
      `wal.bytesMax: "64GB" (given in /wal.yaml); ${expected}`,
    ]);
    expect(await problemsOf({ environment: { TSDB_WAL_WAL_BYTES_MAX: '' } })).toEqual([
      `wal.bytesMax: "" (given by TSDB_WAL_WAL_BYTES_MAX); ${expected}`,
    ]);
    expect(await problemsOf({ flags: { 'wal.bytesMax': '-1' } })).toEqual([
      `wal.bytesMax: "-1" (given by --wal-bytes-max); ${expected}`,
    ]);
  });

  test('reports all mistakes together', async () => {
    const problems = await problemsOf({
      yaml: 'wal: 5\nlisten:\ncolour: red\nlimits: {connectionsMax: many}',
      environment: { TSDB_WAL_WAL_BYTES_MAX: '1GiB', TSDB_WAL_NONE: '1' },
      flags: { ack: 'none' },
    });
    expect(problems.toSorted()).toEqual([
      'TSDB_WAL_NONE (in the environment) is not a known name',
      'ack: "none" (given by --ack); expected one of all, kafka, wal',
      'colour (in /wal.yaml) is not a known key',
      'limits.connectionsMax: "many" (given in /wal.yaml); expected a whole number, at least 1',
      'listen: nothing (given in /wal.yaml); expected host:port, [IPv6]:port, or a port alone (of host 0.0.0.0)',
      'wal: 5 (given in /wal.yaml); expected a group with keys as wal.segmentBytes',
    ]);
  });

  test.each([
    [{ listen: '127.0.0.1:4244' }, 'listen and admin'],
    [{ 'limits.bodyBytesMax': '65MiB' }, 'limits.bodyBytesMax is above'],
    [{ 'limits.sourceInFlightBytesMax': '65MiB' }, 'limits.sourceInFlightBytesMax is above'],
    [{ 'wal.bytesMax': '1MiB' }, 'wal.segmentBytes is above'],
    [{ repository: 'DATA/wal' }, 'repository is the data directory'],
  ])('refuses values that contradict each other: %j', async (flags, says) => {
    expect((await problemsOf({ flags })).join()).toContain(says);
  });

  test('has short flags for what is named most, and says them', async () => {
    const { kafka } = await load({
      flags: { 'kafka.brokers': 'a:9092,10.0.0.7:9093', 'kafka.topic.name': 'writes' },
    });
    expect(kafka.brokers).toEqual(['a:9092', '10.0.0.7:9093']);
    expect(kafka.topic).toMatchObject({ name: 'writes', create: false, retention: 604_800_000 });
    const problems = await problemsOf({
      flags: { 'kafka.brokers': 'a', 'kafka.topic.name': 'a topic' },
    });
    expect(problems[0]).toContain('given by --kafka');
    expect(problems[1]).toContain('given by --topic');
  });

  test('says what is missing of what goes together for Kafka', async () => {
    const flags = { 'kafka.sasl': 'plain', 'kafka.tlsCert': '/cert.pem', ack: 'kafka' };
    expect(await problemsOf({ flags })).toEqual([
      'ack is kafka, but kafka.brokers names none',
      'kafka.tls is off, but there are files for it: set it to on, or leave them out',
      'kafka.tlsCert and kafka.tlsKey go together: one of them is missing',
      'kafka.sasl, kafka.username and kafka.passwordFile go together: one of them is missing',
    ]);
  });

  test('takes no URL and no ~ for a path, and says what can be had', async () => {
    const [s3] = await problemsOf({ flags: { repository: 's3://bucket/x' } });
    expect(s3).toMatch(/^repository: "s3:\/\/bucket\/x" \(given by --repository\); that is a URL/);
    expect(s3).toContain('there is no S3');
    const home = await problemsOf({
      yaml: 'kafka: {passwordFile: ~/password, tlsCa: "file:///ca.pem"}',
      environment: { TSDB_WAL_DATA: '~/x' },
    });
    expect(home.map((problem) => problem.slice(0, problem.indexOf(';'))).toSorted()).toEqual([
      'data: "~/x" (given by TSDB_WAL_DATA)',
      'kafka.passwordFile: "~/password" (given in /wal.yaml)',
      'kafka.tlsCa: "file:///ca.pem" (given in /wal.yaml)',
    ]);
    expect(home[0]).toContain('write the path in full');
    expect((await load({ flags: { data: './~x' } })).data).toBe(resolve('./~x'));
  });

  test('lets two processes-to-be share port 0', async () => {
    const config = await load({ flags: { listen: '127.0.0.1:0', admin: '127.0.0.1:0' } });
    expect(config.admin.port).toBe(0);
  });

  test.each([
    ['listen: [', 'is not YAML'],
    ['ack: all\nack: wal', 'is not YAML'],
    ['- listen', 'holds no options'],
    ['listen', 'holds no options'],
  ])('refuses a file that is not a list of options: %j', async (yaml, says) => {
    expect((await problemsOf({ yaml })).join()).toContain(says);
  });

  test('takes a key called __proto__ for what it is', async () => {
    expect((await problemsOf({ yaml: '__proto__: {ack: wal}' })).join()).toContain('__proto__');
  });

  test('says that a file is not there', async () => {
    const missing = loadConfig({ file: join(folder, 'no.yaml'), environment: {}, flags: {} });
    await expect(missing).rejects.toThrow('cannot be read: ENOENT');
  });

  test('tells what was given, by a flag, the environment or a file, from what is there by default', async () => {
    const file = join(folder, 'given.yaml');
    await writeFile(file, 'repository: /mnt/archive\nkafka:\n  topic:\n    name: wal\n');
    const none = { environment: {}, flags: {} };
    expect(await isGiven(none, 'repository')).toBe(false);
    expect(await isGiven({ ...none, flags: { repository: '/x' } }, 'repository')).toBe(true);
    const environment = { TSDB_WAL_REPOSITORY: '/x' };
    expect(await isGiven({ ...none, environment }, 'repository')).toBe(true);
    expect(await isGiven({ ...none, file }, 'repository')).toBe(true);
    expect(await isGiven({ ...none, file }, 'kafka.topic.name')).toBe(true);
    expect(await isGiven({ ...none, file }, 'data')).toBe(false);
  });
});
