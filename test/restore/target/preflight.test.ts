import { describe, expect, test } from 'vitest';
import { QueryClient } from '../../../src/opentsdb/query-client.ts';
import { WalError } from '../../../src/runtime/errors.ts';
import { preflight, refuseFaults } from '../../../src/restore/target/preflight.ts';
import {
  type TargetFinding,
  judgeTarget,
  type RestoreDemands,
} from '../../../src/restore/target/target-rules.ts';
import { openDoor } from '../../ingest/door.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { freePort } from '../../kit/ports.ts';

const DEMANDS: RestoreDemands = {
  tags: 2,
  characters: 'abcz.-_/é',
  earlier: 'none',
  others: [],
  feeder: undefined,
  work: '/home/me/tsdb-wal-restore',
  allowOtherMetrics: false,
};
const METRICS = ['a', 'b', 'é'].map((metric) => ({
  metric,
  firstMs: 1_500_000_000_000,
  lastMs: 1_600_000_000_000,
}));

describe('a target', () => {
  test('that is empty and set up well is fine', async () => {
    await using tsd = await FakeTsd.start();
    expect(await look(tsd.url)).toEqual([]);
  });

  test('that holds data of other metrics is refused, and a few are named, unless they may be there', async () => {
    await using tsd = await FakeTsd.start();
    for (let n = 0; n < 20; n += 1) store(tsd, `other.${n}`, '1400000000');
    expect(await look(tsd.url)).toMatchObject([
      {
        kind: 'fault',
        says: expect.stringMatching(/of (other\.\d+(, )?){5} and others, of which/) as string,
        remedy: expect.stringContaining('--allow-other-metrics') as string,
      },
    ]);
    expect(await look(tsd.url, { ...DEMANDS, allowOtherMetrics: true })).toEqual([]);
  });

  test('that holds data of a metric is refused, wherever they lie, other metrics or not', async () => {
    await using tsd = await FakeTsd.start();
    store(tsd, 'other', '1500000000');
    const demands = { ...DEMANDS, allowOtherMetrics: true };
    expect(await look(tsd.url, demands)).toEqual([]);
    for (const [metric, timestamp] of [
      ['a', '1'],
      ['é', '1550000000'],
    ] as const) {
      store(tsd, metric, timestamp);
      expect(await look(tsd.url, demands)).toMatchObject([
        {
          kind: 'fault',
          says: expect.stringContaining(metric) as string,
          remedy: expect.stringContaining('empty') as string,
        },
      ]);
    }
    expect(await look(tsd.url, { ...DEMANDS, earlier: 'this state' })).toEqual([]);
  });

  test('that a run of another state was writing to must hold nothing at all', async () => {
    await using tsd = await FakeTsd.start();
    const demands = { ...DEMANDS, earlier: 'another state' } as const;
    expect(await look(tsd.url, demands)).toEqual([]);
    for (const metric of ['other', 'a']) {
      store(tsd, metric, '1400000000');
      expect(await look(tsd.url, demands)).toMatchObject([
        {
          kind: 'fault',
          says: expect.stringMatching(`${metric}.*: since an interrupted`) as string,
        },
      ]);
    }
  });

  test.each([
    ['tsd.core.auto_create_metrics', 'false', 'fault'],
    ['tsd.core.authentication.enable', 'true', 'fault'],
    ['tsd.mode', 'ro', 'fault'],
    ['tsd.mode', 'wo', 'fault'],
    ['tsd.storage.max_tags', '1', 'fault'],
    ['tsd.http.request.enable_chunked', 'false', 'warning'],
    ['tsd.storage.fix_duplicates', 'false', 'warning'],
    ['tsd.storage.enable_appends', 'true', 'warning'],
    ['tsd.storage.use_otsdb_timestamp', 'yes', 'warning'],
    ['tsd.core.meta.enable_tsuid_incrementing', '1', 'warning'],
    ['tsd.core.meta.enable_realtime_ts', 'true', 'warning'],
    ['tsd.core.tree.enable_processing', 'true', 'warning'],
    ['tsd.rtpublisher.enable', 'true', 'warning'],
    ['tsd.search.enable', 'true', 'warning'],
    ['tsd.timeseriesfilter.enable', 'true', 'warning'],
    ['tsd.core.auto_create_tagvs', 'false', 'warning'],
  ] as const)('with %s=%s is a %s with a remedy that names it', async (key, value, kind) => {
    await using tsd = await FakeTsd.start();
    tsd.settings[key] = value;
    const findings = await look(tsd.url);
    expect(findings).toMatchObject([{ kind }]);
    expect(findings[0]?.remedy).toContain(key);
    expect(isRefused(findings)).toBe(kind === 'fault');
  });

  test('that makes no metrics will do when it has them', () => {
    const config = { 'tsd.core.auto_create_metrics': 'false' };
    const facts = { version: '2.4.1', config, heldMetrics: [], otherMetrics: [], isProxied: false };
    expect(judgeTarget({ ...facts, unknownMetrics: [] }, DEMANDS)).toEqual([]);
    expect(judgeTarget({ ...facts, unknownMetrics: ['a'] }, DEMANDS)).toMatchObject([
      { kind: 'fault' },
    ]);
  });

  test('must take the characters that names have', async () => {
    await using tsd = await FakeTsd.start();
    const demands = { ...DEMANDS, characters: 'a:b@' };
    expect(await look(tsd.url, demands)).toMatchObject([
      { kind: 'fault', remedy: expect.stringContaining('allow_specialchars=:@') as string },
    ]);
    tsd.settings['tsd.core.tag.allow_specialchars'] = '@!:';
    expect(await look(tsd.url, demands)).toEqual([]);
    // A property with a space at its edge is one without it.
    const [finding] = await look(tsd.url, { ...DEMANDS, characters: 'a= ' });
    expect(finding?.remedy).toContain('allow_specialchars=.@!:= . and');
  });

  test('that does not show its configuration is a warning, one that is old too', async () => {
    await using tsd = await FakeTsd.start();
    tsd.faults.noConfig = true;
    expect(await look(tsd.url)).toMatchObject([{ kind: 'warning' }]);
    const facts = {
      config: {},
      heldMetrics: [],
      otherMetrics: [],
      unknownMetrics: [],
      isProxied: false,
    };
    expect(judgeTarget({ ...facts, version: '2.1.0' }, DEMANDS)).toMatchObject([
      { kind: 'warning' },
    ]);
    expect(judgeTarget({ ...facts, version: 'BuildData' }, DEMANDS)).toEqual([]);
  });

  test.each(['[]', '{}', 'null', '"2.4.1"', '{"version":2}'])(
    'that says %s when asked for its version is no OpenTSDB',
    async (said) => {
      const json = JSON.parse(said) as unknown;
      const client = {
        ask: () => Promise.resolve({ json, through: [] }),
        get: () => Promise.resolve(JSON.parse(said) as unknown),
        holdsData: () => Promise.resolve(false),
      };
      const target = new URL('http://tsd:4242');
      await expect(
        preflight({ client, target, metrics: METRICS, demands: DEMANDS }),
      ).rejects.toMatchObject({ code: 'TARGET_UNUSABLE' });
    },
  );

  test('that is a proxy may be meant: it is a warning that its log gets all of it', async () => {
    await using tsd = await FakeTsd.start();
    const { port } = await openDoor({ primary: new URL(tsd.url) });
    const findings = await look(`http://127.0.0.1:${port}`);
    expect(findings).toMatchObject([
      { kind: 'warning', says: expect.stringContaining('logged') as string },
    ]);
  });

  test('that does not answer is refused', async () => {
    await expect(look(`http://127.0.0.1:${await freePort()}`)).rejects.toMatchObject({
      code: 'TARGET_UNUSABLE',
      hint: expect.stringContaining('/api/version') as string,
    });
  });
});

async function look(url: string, demands = DEMANDS): Promise<TargetFinding[]> {
  const target = new URL(url);
  const client = new QueryClient({ target, requestTimeoutMs: 2_000, connectionsMax: 4 });
  try {
    return await preflight({ client, target, metrics: METRICS, demands });
  } finally {
    await client.close();
  }
}

function store(tsd: FakeTsd, metric: string, timestamp: string): void {
  tsd.storage.write({ transport: 'http', metric, timestamp, value: '1', tags: { h: 'a' } });
  tsd.storage.flush();
}

function isRefused(findings: readonly TargetFinding[]): boolean {
  try {
    refuseFaults(new URL('http://tsd:4242'), findings);
    return false;
  } catch (error) {
    return error instanceof WalError && error.code === 'TARGET_UNUSABLE';
  }
}
