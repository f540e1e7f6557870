import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  formatHoleName,
  formatSidecarName,
  type SegmentName,
} from '../../../src/archive/format/object-names.ts';
import { createRepository } from '../../../src/archive/repository.ts';
import { type Begin, formatHoleMarker } from '../../../src/archive/format/sidecar.ts';
import { indexClosedMonths } from '../../../src/archive/merge/month-index.ts';
import { readSummary } from '../../../src/archive/holdings/summary.ts';
import { describeRepository, type Info } from '../../../src/cli/history/info-contract.ts';
import { showInfo } from '../../../src/cli/history/info.ts';
import type { FileStore } from '../../../src/storage/file-store.ts';
import { ArchiveRig, writeLane } from '../../archive/archive-rig.ts';
import { FakeTopic, madeLane } from '../../archive/fake-topic.ts';
import { hastyStore, putBegin, putSegment } from '../../kit/repository.ts';
import { present, TestLog } from '../../kit/wal-log.ts';
import { type TempDirectory, tempDirectory } from '../../kit/temp.ts';

const START = Date.parse('2025-06-01T12:00:00.000Z');
const FIRST = '00112233445566ff';
const SECOND = 'ff66554433221100';

const segment = (lane: string, firstSeq: number, lastSeq: number, minute: number): SegmentName => ({
  lane,
  level: 'minute',
  firstSeq,
  lastSeq,
  fromMs: START + (minute - 1) * 60_000,
  toMs: START + minute * 60_000,
});

const begin = (lane: string, fields: Partial<Begin> = {}): Begin => ({
  lane,
  ordinal: 1,
  firstSeq: 1,
  openedAt: START,
  previous: null,
  reason: 'start',
  disputed: null,
  host: 'tsdb-1',
  ...fields,
});

const MINUTES = [1, 2, 3].map((minute) => segment(FIRST, minute * 100 - 99, minute * 100, minute));
const LATER = segment(SECOND, 1, 40, 5);

/** Two lanes: the first ended, the second goes on. */
async function fill(store: FileStore): Promise<void> {
  await putBegin(store, begin(FIRST));
  for (const one of MINUTES) await putSegment(store, one);
  const leap = START + 4 * 60_000;
  const opening = { ordinal: 2, openedAt: leap, previous: { lane: FIRST, lastSeq: 300 } };
  const disputed = { from: leap - 30_000, to: leap };
  await putBegin(store, begin(SECOND, { ...opening, reason: 'clock leap', disputed }));
  await putSegment(store, LATER);
}

async function show(place: string, json: boolean): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await showInfo({ repository: place, json, index: true }, (more) => {
    text += more;
    return Promise.resolve(true);
  });
  return { code, text };
}

async function showWithLog(data: string): Promise<Info> {
  let text = '';
  await showInfo({ data, json: true, index: true }, (more) => {
    text += more;
    return Promise.resolve(true);
  });
  return JSON.parse(text) as Info;
}

async function repository(): Promise<TempDirectory & { readonly store: FileStore }> {
  const folder = await tempDirectory('info');
  const store = hastyStore(folder.path);
  await createRepository(folder.path, START, store);
  return { ...folder, store };
}

describe('info', () => {
  test('--json prints what docs/JSON.md has as the example', async () => {
    await using folder = await repository();
    await fill(folder.store);
    await rm(join(folder.path, formatSidecarName(MINUTES[1] ?? LATER)));
    const named = {
      place: '/var/lib/tsdb-wal/repository',
      id: '0123456789abcdef',
      createdAt: START,
    };
    const summary = await readSummary(folder.store, { useIndex: true });
    const described = describeRepository(named, summary, START + 330_000);
    const page = await readFile('docs/JSON.md', 'utf8');
    const example = /```json\n([^`]*)```/.exec(page)?.[1] ?? '';
    expect(described).toEqual(JSON.parse(example));
  });

  test('exits with 0 on a whole repository, and tells lanes, window and what it holds', async () => {
    await using folder = await repository();
    await fill(folder.store);
    const { code, text } = await show(folder.path, false);
    expect(code).toBe(0);
    expect(text).toContain('restorable: 2025-06-01T12:00:00.000Z to 2025-06-01T12:04:59.999Z\n');
    expect(text).toMatch(
      /^safe time: \S+ \d+ h ago\n {2}as far as lane ff66554433221100 of tsdb-1 is/m,
    );
    expect(text).toContain('holds: points 40, records 340, ');
    expect(text).toContain(
      `lane ${SECOND} (number 2): opened 2025-06-01T12:04:00.000Z by clock leap on tsdb-1, after ${FIRST}/300\n`,
    );
    expect(text).toContain('  complete before 2025-06-01T12:05:00.000Z\n');
    expect(text).toContain('holes: none\n');
  });

  test('tells what was undone, of the archive, of closed months, and of the log', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 20, 10);
    await rig.archiveAll();
    const log = await TestLog.open(rig.wal);
    const { lane } = log.wal.durable;
    const at = log.wal.now();
    const undone = [
      { lane, from: 2, to: 8 },
      { lane: FIRST, from: 1, to: 3 },
    ];
    const told = present(log.wal.appendControl({ kind: 'fork', id: FIRST, at, undone }));
    await log.until(() => log.wal.durable.seq >= told.seq);
    await log.wal.close();
    const expected = { id: FIRST, at: new Date(at).toISOString(), lanes: 2, records: 10 };
    expect((await showWithLog(rig.data)).forks).toMatchObject([expected]);
    await rig.archiveAll();
    const { store } = rig.repository;
    const said = [...(await readSummary(store, { useIndex: true })).lanes.values()];
    expect(said.flatMap(({ forks }) => forks)).toMatchObject([{ id: FIRST, at, undone }]);
  });

  test('tells what was undone in closed months by their indexes, too', async () => {
    await using folder = await repository();
    await fill(folder.store);
    const receivedAt = START + 250_000;
    const undone = [{ lane: FIRST, from: 201, to: 300 }];
    const fork = { id: FIRST, at: START + 120_000, undone, receivedAt };
    await putSegment(folder.store, segment(SECOND, 41, 80, 6), [fork]);
    const month = Date.parse('2025-07-02T00:00:00.000Z');
    await putSegment(folder.store, {
      ...segment(SECOND, 81, 90, 7),
      toMs: month,
    });
    expect(await indexClosedMonths(folder.store, month, 'test')).toEqual(['2025-06']);
    const { text } = await show(folder.path, false);
    expect(text).toContain('closed months told by their indexes: 1');
    expect(text).toContain(
      `  what was received after 2025-06-01T12:02:00.000Z, as said at 2025-06-01T12:04:10.000Z: records 100 of lanes 1 (fork ${FIRST})\n`,
    );
  });

  test('tells what a topic has beyond it, and what can be restored with that', async () => {
    await using folder = await repository();
    const made = madeLane(FIRST, 'tsdb-1', {
      ordinal: 1,
      previous: undefined,
      points: 20,
      cut: 50,
      isClosed: false,
      startMs: START,
    });
    const topic = new FakeTopic(1);
    topic.send(made, 1, 21);
    const unknown = madeLane(SECOND, 'tsdb-2', {
      ordinal: 1,
      previous: undefined,
      points: 9,
      cut: 50,
      isClosed: false,
      startMs: START + 5,
    });
    topic.send(unknown, 1, 10);
    await putBegin(folder.store, begin(FIRST, { topic: topic.topic }));
    await putSegment(folder.store, {
      ...segment(FIRST, 1, 8, 1),
      fromMs: START,
      toMs: START + 7,
    });
    const options = { repository: folder.path, index: true, topic: topic.log() };
    const shown: string[] = [];
    const print = (text: string): Promise<boolean> => {
      shown.push(text);
      return Promise.resolve(true);
    };
    expect(await showInfo({ ...options, json: true }, print)).toBe(0);
    await showInfo({ ...options, json: false }, print);
    const [json = '', text = ''] = shown;
    expect((JSON.parse(json) as Info).topic).toEqual({
      name: 'fake',
      brokers: ['memory:0'],
      insteadOf: null,
      to: new Date(START + 20).toISOString(),
      records: 13 + 10,
      points: 13 + 9,
      lanes: [
        {
          lane: FIRST,
          ordinal: 1,
          host: 'tsdb-1',
          registered: true,
          records: 13,
          points: 13,
          lagSeconds: 0.013,
          completeBefore: new Date(START + 20).toISOString(),
          stopped: false,
        },
        {
          lane: SECOND,
          ordinal: 1,
          host: 'tsdb-2',
          registered: false,
          records: 10,
          points: 9,
          lagSeconds: 0.009,
          completeBefore: new Date(START + 14).toISOString(),
          stopped: false,
        },
      ],
      safeTime: new Date(START + 13).toISOString(),
      restorable: [{ from: new Date(START).toISOString(), to: new Date(START + 13).toISOString() }],
      holes: [],
    });
    expect(text).toContain('topic fake of memory:0: up to 2025-06-01T12:00:00.020Z');
    expect(text).toContain('  safe time with it: 2025-06-01T12:00:00.013Z\n');
  });

  test('tells a lane that stopped in order from one that broke off', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 20, 7);
    await rig.archiveAll();
    const [json, text] = await Promise.all([show(rig.place, true), show(rig.place, false)]);
    const { lanes } = JSON.parse(json.text) as Info;
    expect(lanes).toMatchObject([{ ended: false, stopped: true }]);
    const at = lanes[0]?.completeBefore ?? '';
    expect(text.text).toContain(`  stopped in order at ${at}, and nothing is missing after that; `);
    expect(text.text).not.toContain('complete before');
    // What is damaged is for `verify` to tell.
    for (const name of await readdir(rig.place, { recursive: true }))
      if (name.endsWith('.parquet')) await writeFile(join(rig.place, name), 'x');
    const damaged = await show(rig.place, true);
    expect((JSON.parse(damaged.text) as Info).lanes).toMatchObject([{ stopped: false }]);
  });

  test('exits with 4 on a hole, and says whose and why', async () => {
    await using folder = await repository();
    await fill(folder.store);
    await rm(join(folder.path, formatSidecarName(MINUTES[2] ?? LATER)));
    const hole = { lane: FIRST, firstSeq: 201, lastSeq: 300 };
    const fields = {
      ...hole,
      fromMs: START + 120_000,
      toMs: null,
      reason: 'files of the log are gone',
      notedAt: START,
    };
    await folder.store.create(formatHoleName(hole), Buffer.from(formatHoleMarker(fields)));
    const { code, text } = await show(folder.path, false);
    expect(code).toBe(4);
    expect(text).toContain(
      `  ${FIRST}/201 to 300, received from 2025-06-01T12:02:00.000Z: files of the log are gone\n`,
    );
    expect(text).toContain('restorable: 2025-06-01T12:00:00.000Z to 2025-06-01T12:01:59.999Z\n');
    const json = JSON.parse((await show(folder.path, true)).text) as Info;
    expect(json).toMatchObject({ state: 'hole', holes: [{ firstSeq: 201, to: null }] });
  });

  test('exits with 7 when something is damaged, or objects contradict each other', async () => {
    await using folder = await repository();
    await fill(folder.store);
    await putSegment(folder.store, { ...segment(FIRST, 150, 250, 3), level: 'hour' });
    const path = join(folder.path, `lanes/${SECOND}/begin.json`);
    await writeFile(path, '{}');
    const { code, text } = await show(folder.path, false);
    expect(code).toBe(7);
    expect(text).toContain(`  damaged lanes/${SECOND}/begin.json: it is not what was written\n`);
    expect(text).toContain(`  damaged lanes/${FIRST}: 101-200 and 150-250: they overlap in part\n`);
  });

  test('of a repository just made says that nothing can be restored yet', async () => {
    await using folder = await repository();
    const { code, text } = await show(folder.path, false);
    expect(code).toBe(0);
    expect(text).toContain('restorable: nothing\nsafe time: none\n');
  });

  test('--data tells what of the log is not archived yet, lane by lane', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 20, 10);
    await rig.archiveAll();
    const before = await showWithLog(rig.data);
    expect(before.repository.place).toBe(rig.place);
    expect(before.log).toMatchObject({ inUse: false, records: 0, points: 0 });
    expect(before.log?.lanes).toMatchObject([{ registered: true, records: 0, lagSeconds: 0 }]);
    await writeLane(rig.wal, 5, 10);
    const { log, lanes } = await showWithLog(rig.data);
    const [, records] = [...(await rig.records()).values()];
    expect(log).toMatchObject({ records: records?.length, points: 5 });
    expect(log?.to).toBe(new Date(records?.at(-1)?.receivedAt ?? 0).toISOString());
    expect(log?.lanes[1]).toMatchObject({ ordinal: 2, registered: false, points: 5 });
    expect(log?.lanes[1]?.lagSeconds).toBeGreaterThan(0);
    expect(lanes).toHaveLength(1);
    await rig.archiveAll();
    expect((await showWithLog(rig.data)).log).toMatchObject({ records: 0, points: 0 });
  });

  test('of a place that is no repository is refused', async () => {
    await using folder = await tempDirectory('info');
    await expect(show(folder.path, false)).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' });
  });
});
