import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import type { Difference } from '../../src/restore/verify/compare-window.ts';
import type { RestoreEvent } from '../../src/restore/restore-request.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { HttpCollector } from './kit/clients.ts';
import { jsonOf, type Line } from './kit/ledger.ts';
import type { History } from './kit/random-history.ts';
import type { RestoreEnd } from './kit/restore-process.ts';
import { RestoreScene, SPECIAL_CHARACTERS } from './kit/restore-scene.ts';

const SEED = Number(process.env['RESTORE_TEST_SEED'] ?? Date.now() % 1_000_000);

describeOnStack('the comparison after a restore', (stack) => {
  let tsd: Tsd;
  beforeAll(async () => {
    const settings = {
      ...SPECIAL_CHARACTERS,
      'tsd.http.query.allow_delete': 'true',
      // A row that others write while it is compacted would be another matter.
      'tsd.storage.enable_compaction': 'false',
    };
    tsd = await (await stack()).opentsdb('restore-differs', { settings });
    return async () => tsd.kill9();
  });

  test('lists what somebody changed, added and deleted, by series and instant', async () => {
    await using scene = await RestoreScene.of(plainHistory(`d${SEED}.`));
    const metric = `d${SEED}.plain`;
    const end = await restoreDisturbed(scene, tsd, async () => {
      await put(tsd, `put ${metric} 1767607201 12 h=a`);
      await put(tsd, `put ${metric} 1767607299 5 h=b`);
      await put(tsd, `put ${metric} 1767607200 6 h=new`);
      await remove(tsd, `start=1767700800&end=1767700801&m=none:${metric}{h=literal_or(b)}`);
      // OpenTSDB answers before HBase has the deletion.
      const left = async (): Promise<readonly string[]> =>
        (await tsd.scan(metric)).filter((cell) => cell.includes(' 1767700800'));
      await expect.poll(left).toEqual([]);
    });
    expect(end).toMatchObject({ code: 6 });
    expect(end.result).toMatchObject({
      outcome: 'differs',
      verification: {
        different: 1,
        unexpected: 2,
        missing: 1,
        unreadable: 0,
        seriesWithDifferences: 3,
      },
    });
    const differences = await differencesIn(end);
    const base = { metric, tags: { h: 'b' } };
    expect(differences).toHaveLength(4);
    expect(differences).toEqual(
      expect.arrayContaining([
        {
          kind: 'different',
          metric,
          tags: { h: 'a' },
          instantMs: 1_767_607_201_000,
          expected: '1',
          found: '12',
        },
        { kind: 'unexpected', ...base, instantMs: 1_767_607_299_000, found: '5' },
        {
          kind: 'unexpected',
          metric,
          tags: { h: 'new' },
          instantMs: 1_767_607_200_000,
          found: '6',
        },
        { kind: 'missing', ...base, instantMs: 1_767_700_800_000, expected: '2.5' },
      ]),
    );
    // What it says for people names the list, too, and how much of it there is.
    expect(end.result?.verification?.list).toContain('differences.ndjson');
  });

  test('counts what OpenTSDB cannot show exactly, and nothing else', async () => {
    const prefix = `x${SEED}.`;
    await using scene = await RestoreScene.of(inexactHistory(prefix));
    const end = await scene.restore('safe', tsd.url);
    expect(await scene.faults(end, tsd, scene.history.safeMs)).toEqual([]);
    // An integer with a float right after it in its series is shown as a double: the large one and a small one.
    expect(end.result?.verification).toMatchObject({ cells: 11, exact: 9, inexact: 2 });
  });
});

/** Restores, but changes the target when everything is loaded and before it is compared. */
async function restoreDisturbed(
  scene: RestoreScene,
  tsd: Tsd,
  disturb: () => Promise<void>,
): Promise<RestoreEnd> {
  await using wire = await TcpProxy.start(tsd.port);
  const first = scene.start('safe', wire.url);
  await first.until((event) => isPhase(event, 'loading') && event.progress === 1);
  await wire.set({ kind: 'delay', answerMs: 2_000 });
  await first.until((event) => isPhase(event, 'comparing'));
  first.kill('SIGKILL');
  await first.end();
  await wire.set({ kind: 'pass' });
  await disturb();
  const end = await scene.restore('safe', wire.url);
  return end;
}

type ProgressEvent = Extract<RestoreEvent, { event: 'progress' }>;

function isPhase(event: RestoreEvent, phase: ProgressEvent['phase']): event is ProgressEvent {
  return event.event === 'progress' && event.phase === phase;
}

function plainHistory(prefix: string): History {
  const metric = `${prefix}plain`;
  return historyOf([metric], {
    http: [
      ...Array.from({ length: 50 }, (_, n) => `put ${metric} ${1_767_607_200 + n} ${n} h=a`),
      `put ${metric} 1767607200 2.5 h=b`,
      // In a row of its own.
      `put ${metric} 1767700800 2.5 h=b`,
    ],
    telnet: [`put ${metric} 1767607200 1.5 h=c`],
  });
}

function inexactHistory(prefix: string): History {
  const [integers, mixed, floats] = ['integers', 'mixed', 'floats'].map((name) => prefix + name);
  return historyOf([integers ?? '', mixed ?? '', floats ?? ''], {
    http: [
      `put ${integers} 1767607200 9007199254740993 h=a`,
      `put ${integers} 1767607201 -9223372036854775808 h=a`,
      `put ${integers} 1767607202 1 h=a`,
      `put ${mixed} 1767607200 3 h=a`,
      `put ${mixed} 1767607201 9007199254740993 h=a`,
      `put ${mixed} 1767607202 0.1 h=a`,
      `put ${mixed} 1767607200 3 h=b`,
      `put ${mixed} 1767607201 1.5 h=b`,
    ],
    telnet: [
      // On 4 bytes, on 8, and on 4.
      `put ${floats} 1767607200 1.5 h=a`,
      `put ${floats} 1767607201 0.1 h=a`,
      `put ${floats} 1767607202 16777216.0 h=a`,
    ],
  });
}

function historyOf(
  metrics: readonly string[],
  { http, telnet }: { readonly http: readonly Line[]; readonly telnet: readonly Line[] },
): History {
  const startMs = 1_767_607_210_000;
  const records = [
    { receivedAt: startMs, transport: 'http' as const, lines: http },
    { receivedAt: startMs, transport: 'telnet' as const, lines: telnet },
    { receivedAt: startMs + 1_000, transport: 'log' as const, lines: ['!tick {}'] },
  ];
  const lanes = [{ lane: 'aaaaaaaaaaaaaaa0', records }];
  return { lanes, metrics, startMs, safeMs: startMs + 999 };
}

async function put({ port }: Tsd, line: Line): Promise<void> {
  const http = new HttpCollector(port);
  const { status, text } = await http.send(jsonOf(line), '/api/put?details&sync');
  http.close();
  if (status !== 200) throw new Error(text);
}

async function remove({ url }: Tsd, query: string): Promise<void> {
  const answer = await fetch(`${url}/api/query?${query}`, { method: 'DELETE' });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
}

async function differencesIn({ result }: RestoreEnd): Promise<Difference[]> {
  const text = await readFile(result?.verification?.list ?? '', 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Difference);
}
