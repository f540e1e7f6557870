import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { parseGrepFilter } from '../../../src/cli/history/grep-filter.ts';
import { type GrepOptions, grepLog } from '../../../src/cli/history/log-grep.ts';
import { Cursor } from '../../../src/wal/cursor.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { ArchiveRig, writeLane } from '../../archive/archive-rig.ts';
import { Fabricated } from '../../restore/kit/fabricated.ts';
import type { MadeLane } from '../../restore/kit/history.ts';

const LANE = '00112233445566ff';
const START = '2026-06-01T12:00:00.000Z';
const START_MS = Date.parse(START);

const LANES: readonly MadeLane[] = [
  {
    lane: LANE,
    records: [
      { receivedAt: START_MS, transport: 'telnet', lines: ['put sys.cpu 1780315200 1.10 host=a'] },
      { receivedAt: START_MS + 1, transport: 'http', lines: ['put sys.mem 1780315200 7 host=a'] },
      {
        receivedAt: START_MS + 2,
        transport: 'log',
        lines: [
          `!outcome {"lane":"${LANE}","seq":2,"refused":[{"index":0,"error":"no such metric"}]}`,
          '!bypass {"method":"POST","path":"/api/uid","source":"10.0.0.1:1"}',
        ],
      },
      { receivedAt: START_MS + 9, transport: 'log', lines: ['!cut {}'] },
    ],
  },
];

async function repository(missing = 0): Promise<Fabricated> {
  const made = await Fabricated.create();
  await made.write(LANES, ({ records }) =>
    records
      .map((_, n) => ({ level: 'minute' as const, firstSeq: n + 1, lastSeq: n + 1 }))
      .filter(({ firstSeq }) => firstSeq !== missing),
  );
  return made;
}

async function grep(made: Fabricated, options: GrepOptions = {}) {
  return search({ repository: made.repository.store.root, ...options });
}

async function search(options: GrepOptions) {
  const shown = { out: '', err: '' };
  const print = (text: string): Promise<boolean> => {
    shown.out += text;
    return Promise.resolve(true);
  };
  const warn = (text: string): void => {
    shown.err += text;
  };
  return { code: await grepLog(options, { print, warn }), ...shown };
}

describe('log grep', () => {
  test('prints a line a write, what was refused, and warnings beside them', async () => {
    await using made = await repository();
    expect(await grep(made, { metric: 'sys.*', tag: ['host=a'] })).toEqual({
      code: 0,
      out:
        `2026-06-01T12:00:00.000Z telnet 127.0.0.1:1 put sys.cpu 1780315200 1.10 host=a @${LANE}/1\n` +
        `2026-06-01T12:00:00.001Z http 127.0.0.1:1 put sys.mem 1780315200 7 host=a @${LANE}/2 REFUSED: no such metric\n`,
      err:
        'note: complete for what was received up to 2026-06-01T12:00:00.008Z; of what came later not all is there yet\n' +
        'warning: at 2026-06-01T12:00:00.002Z a change went round the log: POST /api/uid, from 10.0.0.1:1\n',
    });
  });

  test('marks what is undone since, and tells by what', async () => {
    const fork = {
      id: '0123456789abcdef',
      at: START_MS + 5,
      undone: [{ lane: LANE, from: 2, to: 2 }],
    };
    const put = (ms: number, n: number) =>
      ({ receivedAt: START_MS + ms, transport: 'http', lines: [`put m 1 ${n} h=a`] }) as const;
    const lines = [`!fork ${JSON.stringify(fork)}`];
    const said = { receivedAt: START_MS + 20, transport: 'log', lines } as const;
    await using made = await Fabricated.create();
    await made.write([{ lane: LANE, records: [put(0, 1), put(10, 2), said, put(30, 3)] }], () => [
      { level: 'minute', firstSeq: 1, lastSeq: 4 },
    ]);
    const { out, err } = await grep(made);
    const marks = out
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('@')[1]);
    const undone = `${LANE}/2 UNDONE at 2026-06-01T12:00:00.020Z`;
    expect(marks).toEqual([`${LANE}/1`, undone, `${LANE}/4`]);
    expect(err).toContain(
      'at 2026-06-01T12:00:00.020Z the log went on from 2026-06-01T12:00:00.005Z',
    );
    const json = (await grep(made, { json: true })).out;
    expect(json).toContain('"kind":"fork","id":"0123456789abcdef","at":"2026-06-01T12:00:00.005Z"');
  });

  test('exits with 8 when nothing fits, and says what was searched, and of which time that is', async () => {
    await using made = await repository();
    const to = '2026-06-01T12:00:00.002Z';
    const quiet = { from: START, to, metric: 'sys', tag: ['host=*'] };
    const place = made.repository.place;
    const there = `searched repository ${place}: there is what was received from ${START} to 2026-06-01T12:00:00.009Z\n`;
    const asked = `received at ${START} or later and before ${to}`;
    expect(await grep(made, quiet)).toEqual({
      code: 8,
      out: '',
      err: `note: no write fits (metric sys, tag host=*, ${asked}); ${there}`,
    });
    const { err } = await grep(made, { to: START, value: '7' });
    expect(err).toContain(`note: no write fits (received before ${START}, value 7); ${there}`);
    expect(err).toContain(
      'note: nothing of that is of the time asked for: --from and --to are when',
    );
    const json = await grep(made, { ...quiet, json: true });
    expect(json).toMatchObject({ code: 8, err: '' });
  });

  test('exits with 4, found or not, when records may be missing from the answer', async () => {
    await using made = await repository(2);
    const { code, out, err } = await grep(made, { metric: 'sys.cpu' });
    expect(code).toBe(4);
    expect(out).toContain('put sys.cpu');
    expect(err).toContain(
      `warning: records ${LANE}/2 to 2, received from ${START} to 2026-06-01T12:00:00.001Z, are missing: no object`,
    );
    expect((await grep(made, { metric: 'no' })).code).toBe(4);
  });

  test('--limit ends it, and is told', async () => {
    await using made = await repository();
    const { code, out, err } = await grep(made, { limit: '1' });
    expect(code).toBe(0);
    expect(out).toMatch(/^[^\n]*put sys\.cpu[^\n]*\n$/);
    expect(err).toContain('note: stopped after 1 writes, by --limit\n');
  });

  test('--json prints what docs/JSON.md says, on stdout only', async () => {
    await using made = await repository();
    const { out, err } = await grep(made, { json: true });
    expect(err).toBe('');
    const [head, behind, bypass, first, ...rest] = out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const { place, id } = made.repository;
    expect(head).toEqual({
      kind: 'search',
      contract: 'tsdb-wal log grep',
      version: 1,
      at: expect.stringMatching(/Z$/) as string,
      repository: { place, id },
      data: null,
      topic: null,
    });
    expect(behind).toEqual({ kind: 'behind', safeTime: '2026-06-01T12:00:00.008Z' });
    expect(bypass).toEqual({
      kind: 'bypass',
      receivedAt: '2026-06-01T12:00:00.002Z',
      method: 'POST',
      path: '/api/uid',
      source: '10.0.0.1:1',
    });
    expect(first).toEqual({
      kind: 'write',
      receivedAt: START,
      transport: 'telnet',
      source: '127.0.0.1:1',
      lane: LANE,
      seq: 1,
      index: 0,
      metric: 'sys.cpu',
      tags: { host: 'a' },
      timestamp: '1780315200',
      value: '1.10',
      line: 'put sys.cpu 1780315200 1.10 host=a',
      refusal: null,
      undone: null,
      instant: START,
    });
    expect(rest.map(({ kind }) => kind)).toEqual(['write', 'end']);
    expect(rest.at(-1)).toEqual({
      kind: 'end',
      writes: 2,
      isLimited: false,
      from: START,
      to: new Date(START_MS + 9).toISOString(),
    });
  });

  test('--data adds what is not archived yet, and the log alone answers where nothing ever was', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 20, 10);
    await rig.archiveAll();
    await writeLane(rig.wal, 5, 10);
    const lines = async (options: GrepOptions): Promise<number> => {
      const { code, out } = await search(options);
      expect(code).toBe(0);
      return out.split('\n').length - 1;
    };
    expect(await lines({ repository: rig.place })).toBe(20);
    const both = { repository: rig.place, data: rig.data };
    expect(await lines(both)).toBe(25);
    expect((await search(both)).err).toMatch(
      /^note: complete for what was received up to [^\n]*\n$/,
    );
    expect(await lines({ data: rig.data })).toBe(25);
    const [, last] = [...(await rig.records()).values()];
    const from = String(last?.[0]?.receivedAt);
    expect(await lines({ data: rig.data, from })).toBe(5);
    const cursor = await Cursor.open(rig.data, 'kafka');
    await cursor.move({ lane: LANE, ordinal: 1, seq: 1 });
    expect((await search(both)).err).toMatch(/^warning: this log goes to a topic/);
    await rm(rig.place, { recursive: true });
    await rm(join(rig.data, 'archive.json'));
    expect(await lines({ data: rig.data })).toBe(25);
    await expect(search({})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('leaves no temporary files, and stops when nobody reads on', async () => {
    await using made = await repository();
    await using temp = await tempDirectory('grep');
    vi.stubEnv('TMPDIR', temp.path);
    let calls = 0;
    const print = (): Promise<boolean> => {
      calls += 1;
      return Promise.resolve(false);
    };
    const options = { repository: made.repository.store.root };
    await grepLog(options, { print, warn: () => undefined }).finally(() => vi.unstubAllEnvs());
    expect(calls).toBe(1);
    expect(await readdir(temp.path)).toEqual([]);
  });

  test.each([
    [{ from: '2026-06-01T12:00' }, 'time zone'],
    [{ from: '1780315200001', to: '1780315200001' }, 'is not before'],
    [{ instantFrom: 'yesterday' }, '--instant-from yesterday is no time'],
    [{ tag: ['host'] }, '--tag host is no tag'],
    [{ tag: ['host='] }, '--tag host= is no tag'],
    [{ tag: ['=a'] }, '--tag =a is no tag'],
  ])('refuses %j', (options, message) => {
    expect(() => parseGrepFilter(options)).toThrow(message);
  });
});
