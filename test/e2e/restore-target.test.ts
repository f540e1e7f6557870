import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import type { RestoreEnd } from './kit/restore-process.ts';
import { RestoreScene, SPECIAL_CHARACTERS } from './kit/restore-scene.ts';

const SEED = Number(process.env['RESTORE_TEST_SEED'] ?? Date.now() % 1_000_000);
const RECORDS = 100;

describeOnStack('a target with the defaults of OpenTSDB', (stack) => {
  let tsd: Tsd;
  beforeAll(async () => {
    const settings = {
      ...SPECIAL_CHARACTERS,
      'tsd.storage.fix_duplicates': 'false',
      'tsd.http.request.enable_chunked': 'false',
    };
    tsd = await (await stack()).opentsdb('restore-defaults', { settings });
    return async () => tsd.kill9();
  });

  test('is restored into, with a warning of each, and can read every row afterwards', async () => {
    await using scene = await RestoreScene.make(SEED, RECORDS);
    const toMs = scene.history.safeMs;
    const end = await scene.restore(toMs, tsd.url);
    expect(await scene.faults(end, tsd, toMs)).toEqual([]);
    const warnings = end.events
      .filter(({ event }) => event === 'target')
      .map((one) => JSON.stringify(one));
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toContain('tsd.storage.fix_duplicates=false');
    expect(warnings.join()).toContain('tsd.http.request.enable_chunked=false');
    let shown = 0;
    for (const metric of scene.history.metrics) shown += await countShown(tsd, metric);
    expect(shown).toBe(scene.stateAt(toMs).size);
  });

  test('that is killed in the middle and comes back holds the state in the end', async () => {
    await using scene = await RestoreScene.make(SEED + 1, RECORDS);
    const toMs = scene.history.safeMs;
    const rate = Math.ceil(scene.stateAt(toMs).size / 4);
    const restore = scene.start(toMs, tsd.url, ['--rate', String(rate)]);
    await restore.until(
      (event) => event.event === 'progress' && event.phase === 'loading' && event.done > rate,
    );
    await tsd.kill9();
    // Down for so long that it is noticed, and that something was in its memory.
    await restore.until((event) => event.event === 'state' && event.state === 'down');
    await tsd.start();
    expect(await scene.faults(await restore.end(), tsd, toMs)).toEqual([]);
  });
});

describeOnStack('a target that makes no metrics', (stack) => {
  let tsd: Tsd;
  beforeAll(async () => {
    const settings = { ...SPECIAL_CHARACTERS, 'tsd.core.auto_create_metrics': 'false' };
    tsd = await (await stack()).opentsdb('restore-no-metrics', { settings });
    return async () => tsd.kill9();
  });

  test('is refused until it has them, and once it holds data', async () => {
    await using scene = await RestoreScene.make(SEED + 2, RECORDS);
    const { metrics, safeMs } = scene.history;
    const refused = await scene.restore(safeMs, tsd.url);
    expectRefused(refused, /makes no UIDs for new metrics, and has none for/);
    expect(refused.stderr).toContain('tsd.core.auto_create_metrics=true');
    // The other remedy that it names.
    const names = encodeURIComponent(metrics.join());
    const assigned = await fetch(`${tsd.url}/api/uid/assign?metric=${names}`);
    expect(assigned.status).toBe(200);
    expect(await scene.faults(await scene.restore(safeMs, tsd.url), tsd, safeMs)).toEqual([]);
    const again = await scene.restore(safeMs, tsd.url);
    expectRefused(again, /holds data already, of r\d+\./);
    expect(again.stderr).toContain('tsd.storage.hbase.data_table');
    expect(await scene.restore(safeMs, tsd.url, ['--dry-run'])).toMatchObject({ code: 5 });
  });
});

describe('a target', () => {
  test.each([
    ['where nothing listens', undefined],
    ['that does not know what is asked', answering(404, '{"error":{"code":404}}')],
    ['that is something else', answering(200, '<html>It works!</html>')],
    ['that answers nonsense', answering(200, '[]')],
    ['that closes the connection', (request) => request.socket.destroy()],
  ] as const satisfies readonly (readonly [string, RequestListener | undefined])[])(
    '%s is refused, and told how to look',
    async (_, listener) => {
      await using scene = await RestoreScene.make(SEED, 10);
      const server = createServer(listener);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      if (listener === undefined) server.close();
      const end = await scene.restore('safe', `http://127.0.0.1:${port}`);
      expectRefused(end, new RegExp(`127\\.0\\.0\\.1:${port}`));
      expect(end.stderr).toContain('/api/version');
      server.close();
    },
  );

  test.each(['tsdb:4242', 'https://tsdb:4242', 'http://tsdb:4242/api'])(
    'written as %s is refused, with what would be right',
    async (url) => {
      await using scene = await RestoreScene.make(SEED, 10);
      const { code, stderr } = await scene.restore('safe', url);
      expect(code).toBe(2);
      expect(stderr).toContain('http://tsdb-new:4242');
    },
  );
});

function expectRefused({ code, result, stderr }: RestoreEnd, says: RegExp): void {
  expect({ code, stderr }).toMatchObject({ code: 5 });
  expect(result).toBeUndefined();
  expect(stderr).toMatch(/^error TARGET_UNUSABLE: /m);
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(/^hint: /m);
}

function answering(status: number, body: string): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body);
  };
}

/** How many points of the metric a query of all of time shows. */
async function countShown(tsd: Tsd, metric: string): Promise<number> {
  const query = new URLSearchParams({
    start: '1',
    end: '4294960000',
    m: `none:${metric}`,
    ms: 'true',
  });
  const answer = await fetch(`${tsd.url}/api/query?${query.toString()}`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${metric}: ${answer.status} ${text}`);
  const series = JSON.parse(text) as readonly { readonly dps: object }[];
  return series.reduce((sum, { dps }) => sum + Object.keys(dps).length, 0);
}
