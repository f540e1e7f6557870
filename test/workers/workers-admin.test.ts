import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createAdminServer } from '../../src/admin/admin-server.ts';
import { AdminClient } from '../../src/admin/admin-client.ts';
import { proxyView } from '../../src/promote/promote-views.ts';
import { createWorkersAdmin, type WorkerView } from '../../src/workers/workers-admin.ts';
import { loadConfig } from '../../src/config/load.ts';
import { WalError } from '../../src/runtime/errors.ts';
import { Metrics } from '../../src/runtime/metrics.ts';
import { assertOneLog } from '../../src/wal/worker-logs.ts';
import { tempDirectory } from '../kit/temp.ts';

const OLD = 'http://old:4242';
const NEW = 'http://new:4242';

/** A worker's admin server, as far as a promotion asks it. */
class FakeWorker implements WorkerView {
  readonly place: WorkerView['place'];
  pid: number | undefined = 1;
  readonly starts = 1;
  isStarted = true;
  primary = OLD;
  heldSince: string | null = null;
  isRefusing = false;
  trouble: string | null = null;
  unconfirmedSeconds: number | undefined = 0;
  startedAt: readonly string[] | undefined;

  constructor(number: number) {
    this.place = { number, data: '', isDraining: number === 2 };
  }

  async listen(port: number): Promise<void> {
    const admin = createAdminServer({
      status: () => ({
        version: '1',
        connections: 3,
        log: { taking: true, lanes: [`later-${this.place.number}`] },
        primary: {
          ...this.#feeding(),
          state: { kind: 'live' },
          unconfirmedSeconds: this.unconfirmedSeconds,
        },
        kafka: { topic: 't' },
      }),
      health: () => ({ ok: true, reasons: [], degraded: [] }),
      ready: () => true,
      metrics: new Metrics(),
      actions: {
        '/primary/hold': () => {
          this.heldSince = '2026-01-01T00:00:00Z';
          return Promise.resolve(this.#feeding());
        },
        '/primary/switch': (body) => {
          if (this.isRefusing) throw new WalError('PROMOTE_REFUSED', 'it cannot');
          this.primary = (body as { to: string }).to;
          this.heldSince = null;
          return Promise.resolve(this.#feeding());
        },
        '/primary/probe': () =>
          Promise.resolve({ trouble: this.trouble, startedAt: this.startedAt }),
      },
    });
    await admin.start({ host: '127.0.0.1', port });
    onTestFinished(() => admin.close());
  }

  #feeding() {
    const lane = `lane-${this.place.number}`;
    const lanes = [{ lane, ordinal: 1, firstSeq: 1, seq: 9, receivedBy: 1 }];
    return { url: this.primary, configured: OLD, heldSince: this.heldSince, lanes };
  }
}

describe('workers, to a promotion', () => {
  let first: FakeWorker;
  let second: FakeWorker;
  let all: AdminClient;

  beforeEach(async () => {
    [first, second] = [new FakeWorker(1), new FakeWorker(2)];
    const port = await threePorts();
    const config = await loadConfig({ environment: {}, flags: { admin: `127.0.0.1:${port}` } });
    await first.listen(port + 1);
    await second.listen(port + 2);
    const admin = createWorkersAdmin(config, () => [first, second]);
    await admin.start(config.admin);
    onTestFinished(() => admin.close());
    all = new AdminClient(`127.0.0.1:${port}`);
  });

  const view = async () => {
    const answer = await all.get('/status');
    return proxyView('x', answer.kind === 'answered' ? answer.value : undefined);
  };

  test('are one proxy with the lanes of all', async () => {
    expect(await view()).toMatchObject({
      version: '1',
      primary: OLD,
      isHeld: false,
      isLive: true,
      hasTopic: true,
      refusal: undefined,
      lanes: [{ lane: 'lane-1' }, { lane: 'lane-2' }],
      own: new Set(['lane-1', 'lane-2', 'later-1', 'later-2']),
    });
    const held = await all.post('/primary/hold');
    expect(held).toMatchObject({
      kind: 'answered',
      value: { url: OLD, lanes: [{ lane: 'lane-1' }, { lane: 'lane-2' }] },
    });
    expect((await view())?.isHeld).toBe(true);
  });

  test('reach what all of them reach', async () => {
    const none = { trouble: null, startedAt: [] };
    expect(await all.post('/primary/probe', {})).toMatchObject({ value: none });
    first.startedAt = ['monday'];
    second.startedAt = ['monday'];
    expect(await all.post('/primary/probe', {})).toMatchObject({
      value: { trouble: null, startedAt: ['monday'] },
    });
    second.startedAt = ['tuesday'];
    expect(await all.post('/primary/probe', {})).toMatchObject({
      value: { trouble: null, startedAt: ['monday', 'tuesday'] },
    });
    Object.assign(second, { trouble: 'no route', startedAt: [] });
    expect(await all.post('/primary/probe', {})).toMatchObject({
      value: { trouble: 'no route', startedAt: ['monday'] },
    });
  });

  test('are as old, of what the primary may not store, as the oldest of them', async () => {
    second.unconfirmedSeconds = 30;
    expect((await view())?.unconfirmedSeconds).toBe(30);
    first.unconfirmedSeconds = undefined;
    expect((await view())?.unconfirmedSeconds).toBeUndefined();
  });

  test('are switched once all of them are', async () => {
    first.primary = NEW;
    expect(await view()).toMatchObject({ primary: OLD, isHeld: false, primaries: [NEW, OLD] });
    await all.post('/primary/hold');
    first.heldSince = null;
    expect(await view()).toMatchObject({ primary: OLD, isHeld: true });
    await all.post('/primary/switch', { to: NEW });
    expect(await view()).toMatchObject({ primary: NEW, isHeld: false, primaries: [NEW] });
  });

  test('do not say that a switch was refused when one of them has made it', async () => {
    await all.post('/primary/hold');
    second.isRefusing = true;
    const unknown = { kind: 'silent', reason: 'worker 2: it cannot' };
    expect(await all.post('/primary/switch', { to: NEW })).toEqual(unknown);
    expect([first.primary, second.primary]).toEqual([NEW, OLD]);
    second.pid = undefined;
    expect(await all.post('/primary/switch', { to: NEW })).toMatchObject({ kind: 'silent' });
    first.isRefusing = true;
    expect(await all.post('/primary/switch', { to: NEW })).toEqual({
      kind: 'refused',
      reason: 'worker 1: it cannot',
    });
  });

  test('make no step while one of them does not run, and tell nothing for all', async () => {
    second.pid = undefined;
    expect(await all.post('/primary/hold')).toEqual({
      kind: 'refused',
      reason: 'worker 2: it does not run',
    });
    expect(await view()).toBeUndefined();
  });
});

describe('workers, to those who ask whether writes are taken', () => {
  test('take them while one runs that does not drain', async () => {
    const [taking, other, draining] = [new FakeWorker(1), new FakeWorker(3), new FakeWorker(2)];
    const port = await threePorts();
    await taking.listen(port + 1);
    await draining.listen(port + 2);
    Object.assign(other, { pid: undefined, isStarted: false });
    expect(await healthOf([taking, other, draining], port)).toMatchObject({
      status: 200,
      health: { ok: true, reasons: [] },
    });
    Object.assign(taking, { pid: undefined, isStarted: false });
    expect(await healthOf([taking, other, draining], port)).toMatchObject({
      status: 503,
      health: { ok: false, reasons: ['no worker takes writes'] },
    });
  });
});

describe('a data directory of several workers', () => {
  let folder: Awaited<ReturnType<typeof tempDirectory>>;
  beforeEach(async () => {
    folder = await tempDirectory('workers');
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  test('is no log that can be read; each of theirs is', async () => {
    await assertOneLog(folder.path);
    await mkdir(join(folder.path, 'worker-1', 'wal'), { recursive: true });
    await expect(assertOneLog(folder.path)).rejects.toThrow('has the logs of 1 workers');
    await assertOneLog(join(folder.path, 'worker-1'));
    await mkdir(join(folder.path, 'wal'));
    await assertOneLog(folder.path);
  });
});

async function healthOf(views: readonly FakeWorker[], port: number) {
  const config = await loadConfig({ environment: {}, flags: { admin: `127.0.0.1:${port}` } });
  const admin = createWorkersAdmin(config, () => views);
  await admin.start(config.admin);
  const answer = await fetch(`http://127.0.0.1:${port}/health`);
  await admin.close();
  return { status: answer.status, health: await answer.json() };
}

/** A free port with two free ones after it. */
async function threePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const servers = [0, 1, 2].map((more) => createServer().listen(port + more, '127.0.0.1'));
    const isFree = await Promise.all(servers.map((server) => once(server, 'listening'))).then(
      () => true,
      () => false,
    );
    for (const server of servers) server.close();
    if (isFree) return port;
  }
}
