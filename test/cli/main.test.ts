import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAdminServer } from '../../src/admin/admin-server.ts';
import { writeArchiveHome } from '../../src/archive/write/archive-home.ts';
import { createRepository } from '../../src/archive/repository.ts';
import { TopicPlace } from '../../src/kafka/topic-place.ts';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { Metrics } from '../../src/runtime/metrics.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { runMain } from './kit/run-main.ts';
import { freePort } from '../kit/ports.ts';
import { writeLog } from '../kit/wal-files.ts';

const BEGIN = { lane: 'a', ordinal: 1, seq: 1 };
describe('the command line', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const quiet = (): readonly string[] => {
    const addresses = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    return [...addresses, '--data', join(folder, 'a', 'b')];
  };

  test.each([
    ['a start', 'cli/start.js'],
    ['its archiver', 'archive/process/run-archive.js'],
  ])('loads no client of Kafka for %s, which may be without one', (_who, module) => {
    const { href } = new URL(`../../dist/${module}`, import.meta.url);
    const look = `import { _cache } from 'node:module'; await import('${href}');
      console.log(Object.keys(_cache).filter((file) => file.includes('/kafkajs/')).length);`;
    const args = ['--input-type=module', '--eval', look];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('0\n');
  });

  test('tells its version', async () => {
    expect(await runMain(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  test('exits with 2, and the flag that was meant, on wrong usage', async () => {
    const { code, stderr } = await runMain(['start', '--lisen', '1']);
    expect(code).toBe(2);
    expect(stderr).toContain('--listen');
    expect(stderr).toContain('\nhint: with --help the command tells its options');
  });

  test.each(['start', 'standby', 'archive', 'check-config'])(
    'exits with 2 when %s is given a topic and no Kafka',
    async (command) => {
      const { code, stderr } = await runMain([command, '--topic', 'tsdb-wal']);
      expect(code).toBe(2);
      expect(stderr).toBe(
        'error CONFIG_INVALID: --topic is given without --kafka\n' +
          'hint: Name a broker by --kafka, as kafka-1:9092.\n',
      );
    },
  );

  test('tells a standby that there is no log to follow, and what to name', async () => {
    const target = ['--target', 'http://127.0.0.1:1', '--state', join(folder, 'state')];
    const { code, stderr } = await runMain(['standby', ...quiet(), ...target]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error DATA_UNUSABLE: .*\nhint: Name the data directory of the proxy\./);
  });

  test('exits with 2 on a wrong configuration: code, message and hint, no stack', async () => {
    const { code, stderr } = await runMain(['start', '--ack', 'none']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error CONFIG_INVALID: ack: "none" (given by --ack); expected one of all, kafka, wal\n' +
        'hint: config/reference.yaml has every option; `tsdb-wal check-config` checks without starting\n',
    );
  });

  test('shows the stack at the log level debug', async () => {
    const { stderr } = await runMain(['start', '--ack', 'none', '--log-level', 'debug']);
    expect(stderr).toContain('at loadConfig');
  });

  test.each([
    ['listen', []],
    ['admin', []],
    ['listen', ['--workers', '2', '--kafka', '127.0.0.1:1', '--topic', 't', '--archive', 'off']],
  ])('opens no log when the address of --%s is taken: %j', async (flag, flags) => {
    const server = createServer();
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const free = ['--admin', `127.0.0.1:${await freePort()}`];
    const taken = [`--${flag}`, `127.0.0.1:${port}`];
    const { code, stderr } = await runMain(['start', ...quiet(), ...free, ...taken, ...flags]);
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`error LISTEN_FAILED: --${flag} 127.0.0.1:${port} cannot be had\n`);
    const files = await readdir(join(folder, 'a'), { recursive: true }).catch(() => []);
    expect(files.filter((file) => file.includes('wal'))).toEqual([]);
  });

  test('exits with 9 when a promotion ends in the middle, since nobody reads what it tells', async () => {
    const lanes = [{ lane: 'a', ordinal: 1, firstSeq: 1, seq: 9, receivedBy: 1, receivedAt: 1 }];
    const url = 'http://127.0.0.2:4242';
    const status = {
      version: '1',
      log: { taking: true },
      primary: { url: 'http://old:4242', heldSince: null, lanes, state: { kind: 'live' } },
      target: { url, state: { kind: 'live' } },
      promotion: { state: 'none' },
      contains: { lanes },
      seen: { complete: true, lanes: [] },
      lagSeconds: 0,
      delaySeconds: 0,
    };
    const held = new Promise(() => undefined);
    const admin = createAdminServer({
      status: () => status,
      health: () => ({ ok: true, reasons: [], degraded: [] }),
      ready: () => true,
      metrics: new Metrics(),
      actions: {
        '/primary/probe': () => Promise.resolve({ trouble: null }),
        '/primary/hold': () => held,
      },
    });
    const address = `127.0.0.1:${await admin.start({ host: '127.0.0.1', port: 0 })}`;
    const flags = ['promote', '--standby', address, '--proxy', address];
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', ...flags], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([9, null]);
    await admin.close();
  });

  describe('check-config', () => {
    let primary: Server;
    let primaryUrl = '';
    beforeEach(async () => {
      primary = createServer((_request, response) => {
        response.end('{"short_revision":"","version":"2.4.1"}');
      }).listen(0, '127.0.0.1');
      await once(primary, 'listening');
      const address = primary.address();
      primaryUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    });
    afterEach(() => {
      primary.close();
      primary.closeAllConnections();
    });

    test('says which primary would be fed since a switch, and refuses a third one', async () => {
      const data = join(folder, 'a', 'b');
      await mkdir(join(data, 'cursors'), { recursive: true });
      const cursor = Cursor.reset(data, 'primary');
      const choice = await PrimaryChoice.open(data, primaryUrl, cursor);
      await choice.switchTo(new URL('http://new:4242'), BEGIN, { since: 1 });
      const warned = await runMain(['check-config', ...quiet(), '--primary', primaryUrl]);
      expect(warned.code).toBe(0);
      expect(warned.stderr).toContain('would not be fed: the primary is http://new:4242, and the');
      const third = await runMain(['check-config', ...quiet(), '--primary', 'http://127.0.0.1:1']);
      expect(third.code).toBe(1);
      expect(third.stderr).toContain('error CONFIG_INVALID: this data directory feeds');
    });

    test('says that another primary was fed before, and that the log went to a topic', async () => {
      const data = join(folder, 'a', 'b');
      await mkdir(join(data, 'cursors'), { recursive: true });
      const cursor = Cursor.reset(data, 'primary');
      cursor.belongTo('http://old:4242');
      await cursor.move({ lane: 'a', ordinal: 1, seq: 7 });
      await (await TopicPlace.open(data, 'tsdb-wal')).save();
      const warned = await runMain(['check-config', ...quiet(), '--primary', primaryUrl]);
      expect(warned.code).toBe(0);
      expect(warned.stderr).toContain('that was http://old:4242, which has what is logged up to');
      expect(warned.stderr).toContain('warning: no topic is named, though this log went to ');
    });

    test('looks into the directories of workers, and finds a log that would be left behind', async () => {
      const data = join(folder, 'a', 'b');
      for (const worker of ['worker-1', 'worker-2']) {
        const own = join(data, worker);
        await mkdir(join(own, 'cursors'), { recursive: true });
        const choice = await PrimaryChoice.open(own, primaryUrl, Cursor.reset(own, 'primary'));
        await choice.switchTo(new URL('http://new:4242'), BEGIN, { since: 1 });
      }
      const args = ['check-config', ...quiet(), '--primary', primaryUrl];
      const warned = await runMain(args);
      expect(warned.code).toBe(0);
      expect(warned.stderr.match(/the primary is http:\/\/new:4242/g)).toHaveLength(1);
      await mkdir(join(data, 'wal'));
      const left = await runMain(args);
      expect(left.code).toBe(1);
      expect(left.stderr).toContain('error DATA_UNUSABLE: ');
      expect(left.stderr).toContain('holds the log of a single process');
    });

    test('prints what is in effect and finds all well, leaving nothing behind', async () => {
      const args = ['check-config', ...quiet(), '--primary', primaryUrl, '--json'];
      const { code, stdout, stderr } = await runMain(args);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ primary: primaryUrl, wal: { bytesMax: '64GiB' } });
      expect(stderr).toContain(`ok: primary ${primaryUrl} answers: OpenTSDB 2.4.1`);
      expect(stderr).toContain('b will be created');
      expect(stderr).toMatch(/ok: repository .*b\/repository will be created/);
      expect(await readdir(folder)).toEqual([]);
    });

    test('refuses a disk on which every write would be refused, with the key and what to do', async () => {
      const args = ['check-config', ...quiet(), '--primary', primaryUrl];
      const { code, stderr } = await runMain([...args, '--wal-free-bytes-min', '1000TiB']);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /error DATA_UNUSABLE: data .*: the disk has less than wal\.freeBytesMin \(\d+ bytes\) left: every write would be answered 503\. Make room/,
      );
    });

    test('only warns when the primary does not answer', async () => {
      const args = ['check-config', ...quiet(), '--primary', 'http://127.0.0.1:1'];
      const { code, stderr } = await runMain(args);
      expect(code).toBe(0);
      expect(stderr).toContain('warning: primary http://127.0.0.1:1 does not answer');
    });

    test('says that a repository is gone, and that another one would begin anew', async () => {
      const data = join(folder, 'a', 'b');
      const place = join(data, 'repository');
      await mkdir(place, { recursive: true });
      const home = { repository: '00112233445566ff', place };
      await writeArchiveHome(data, home);
      const args = ['check-config', ...quiet(), '--primary', primaryUrl];
      const gone = await runMain(args);
      expect(gone.code).toBe(1);
      expect(gone.stderr).toContain(
        'error REPOSITORY_MISSING: repository 00112233445566ff is gone',
      );
      expect(await readdir(place)).toEqual([]);
      await createRepository(place, 1_000);
      const other = await runMain(args);
      expect(other.code).toBe(0);
      expect(other.stderr).toMatch(/warning: repository .* history begins anew there/);
    });

    test('ends with an error when the repository does not answer', async () => {
      await mkdir(join(folder, 'silent'));
      // Whoever opens it to read waits for a writer that never comes.
      execFileSync('/usr/bin/mkfifo', [join(folder, 'silent', 'repository.json')]);
      const repository = ['--repository', join(folder, 'silent')];
      const { code, stderr } = await runMain(['check-config', ...quiet(), ...repository]);
      expect(code).not.toBe(0);
      expect(stderr).toContain('silent does not answer');
    });

    test('exits with 1 when an address is taken and the data directory is a file', async () => {
      await mkdir(join(folder, 'a'));
      await writeFile(join(folder, 'a', 'b'), '');
      const taken = primaryUrl.slice('http://'.length);
      const { code, stderr } = await runMain(['check-config', ...quiet(), '--listen', taken]);
      expect(code).toBe(1);
      expect(stderr).toContain(
        `error LISTEN_FAILED: listen ${taken} is in use by another program\n`,
      );
      expect(stderr).toContain('error DATA_UNUSABLE: data ');
    });

    test('finds all well beside the proxy that runs with it', async () => {
      const data = join(folder, 'a', 'b');
      await mkdir(data, { recursive: true });
      const lock = await DirectoryLock.acquire(data);
      const proxy = createTcpServer().listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const address = proxy.address();
      const taken = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
      const args = ['check-config', ...quiet(), '--primary', primaryUrl, '--listen', taken];
      const { code, stderr } = await runMain(args);
      expect(stderr).toContain(
        `ok: listen ${taken} is in use by the tsdb-wal that runs with this configuration's data, process ${process.pid}\n`,
      );
      expect(stderr).toContain(`ok: data ${data} is in use by the tsdb-wal that runs, process `);
      expect(code).toBe(0);
      await lock.release();
      proxy.close();
    });

    test('looks at what a standby looks at, and tells one that runs from what else has its address', async () => {
      const admin = createAdminServer({
        status: () => ({ version: '1', target: {} }),
        health: () => ({ ok: true, reasons: [], degraded: [] }),
        ready: () => true,
        metrics: new Metrics(),
      });
      const address = `127.0.0.1:${await admin.start({ host: '127.0.0.1', port: 0 })}`;
      const data = join(folder, 'a', 'b');
      const common = ['check-config', '--admin', address, '--data', data, '--for'];
      const missing = await runMain([...common, 'standby']);
      const [taken = '', unusable = '', ...rest] = missing.stderr.split('\n');
      expect(taken).toBe(
        `ok: admin ${address} is in use by a tsdb-wal standby that runs; whether it is this one is not looked at`,
      );
      expect(unusable).toMatch(/^error DATA_UNUSABLE: .* Name the data directory of the proxy/);
      expect(rest).toEqual(['']);
      await writeLog(join(data, 'wal'), 1, 10);
      const found = await runMain([...common, 'standby']);
      expect(found.stderr).toContain(`ok: data ${data} has a log: files `);
      expect(found.code).toBe(0);
      const other = await runMain([...common, 'start', '--listen', '127.0.0.1:0']);
      expect(other.stderr).toContain(
        `error LISTEN_FAILED: admin ${address} is in use by another tsdb-wal, a standby`,
      );
      const archive = await runMain([...common, 'archive']);
      expect(archive.stderr).not.toMatch(/listen|admin|primary/);
      expect(archive.code).toBe(0);
      await admin.close();
    });
  });
});
