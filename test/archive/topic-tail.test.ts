import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSidecar } from '../../src/archive/catalog.ts';
import { computeCoverage, type Coverage } from '../../src/archive/coverage.ts';
import { outermost } from '../../src/archive/lane-spans.ts';
import { formatSidecarName } from '../../src/archive/object-names.ts';
import { readHistory } from '../../src/archive/read-history.ts';
import { findHistory, openSources, type Sources } from '../../src/archive/sources.ts';
import type { TopicLog } from '../../src/archive/topic-log.ts';
import { plainRows, type PlainRecord, type PlainRow } from '../kit/plain-rows.ts';
import { present } from '../kit/wal-log.ts';
import { readRows } from './archive-content.ts';
import { ArchiveRig } from './archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { Group, holds, laneId, lengthOf, numbers, recordsOf, shape, START } from './topic-group.ts';

interface Read {
  readonly coverage: Coverage;
  readonly rows: readonly PlainRow[];
}

function sourcesOf(rig: ArchiveRig, topic: TopicLog): Promise<Sources> {
  return openSources({ repository: rig.place, topic });
}

/** All that the repository and the topic hold together; each lane is told as far by the look before as by the reading. */
async function readBoth(rig: ArchiveRig, topic: TopicLog): Promise<Read> {
  const sources = await sourcesOf(rig, topic);
  const found = await findHistory(sources, Date.now());
  const folder = join(rig.folder, 'tail');
  await mkdir(folder, { recursive: true });
  const { catalog, local } = await readHistory(sources, {
    duckdb: rig.duckdb,
    folder,
    isWanted: () => true,
    onRead: () => undefined,
    now: Date.now(),
    signal: new AbortController().signal,
  });
  const coverage = computeCoverage(catalog);
  expect(coverage).toEqual(computeCoverage(found.catalog));
  const paths: string[] = [];
  for (const { objects } of catalog.lanes.values()) {
    for (const segment of outermost(objects)) {
      const made = local.get(formatSidecarName(segment));
      const sidecar = made?.sidecar ?? present(await readSidecar(sources.store, segment));
      if (sidecar.data === null) continue;
      paths.push(made?.path ?? present(await sources.store.localPath(sidecar.data.object)));
    }
  }
  return { coverage, rows: await readRows(rig.duckdb, paths) };
}

function rowsOf(lanes: ReadonlyMap<string, readonly PlainRecord[]>): PlainRow[] {
  const sorted = [...lanes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.flatMap(([lane, records]) => plainRows(lane, records));
}

/** Archives the topic as it is, until so much of a lane is there. */
async function archive(
  rig: ArchiveRig,
  topic: FakeTopic,
  until: (coverage: Coverage) => boolean,
  moreMs = 0,
): Promise<void> {
  await using group = new Group(rig);
  group.startAlone(topic);
  await group.until(until);
  await new Promise((resolve) => setTimeout(resolve, moreMs));
}

const LANE = laneId(0, 1);

describe('a repository with the tail of its topic', { timeout: 60_000 }, () => {
  test('holds the topic, record by record, whatever of it is archived, repeated or sent anew', async () => {
    const property = fc.asyncProperty(fc.nat(1_000_000), async (seed) => {
      await using rig = await ArchiveRig.create();
      const topic = new FakeTopic(3);
      const below = numbers(seed);
      const { lanes, sends } = randomSends(below);
      const cut = below(sends.length + 1);
      for (const send of sends.slice(0, cut)) send(topic);
      if (cut > 0) {
        // Some of it, at least; where the archiver stops is up to the moment.
        await archive(rig, topic, (coverage) => coverage.lanes.length > 0, below(200));
      }
      for (const send of sends.slice(cut)) send(topic);
      const { coverage, rows } = await readBoth(rig, topic.log());
      expect(rows).toEqual(rowsOf(recordsOf(...lanes)));
      expect({ holes: coverage.holes, conflicts: coverage.conflicts }).toEqual({
        holes: [],
        conflicts: [],
      });
      // The last lane of each proxy goes on; what it had last may not be all of that millisecond.
      const ends = lanes.filter(({ ordinal }) => ordinal === 2).map((lane) => endOf(lane));
      expect(coverage.safeTimeMs).toBe(Math.min(...ends) - 1);
    });
    await fc.assert(property, { numRuns: 12 });
  });

  test('reads from where the archive ends, and no partition that has nothing newer', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const long = madeLane(LANE, 'h', shape({ points: 40 }));
    const other = madeLane(laneId(1, 2), 'g', shape());
    for (let seq = 1; seq <= 20; seq += 1) topic.send(spread(long), seq, seq);
    topic.send(spread(other), 1, lengthOf(other));
    await archive(rig, topic, (one) => holds(one, long, 17) && holds(one, other, lengthOf(other)));
    topic.send(spread(long), 21, lengthOf(long));
    const read: number[] = [];
    const log = topic.log();
    const { topic: tail } = await findHistory(
      await sourcesOf(rig, {
        ...log,
        read: (partition, span, signal) => {
          read.push(span.from);
          return log.read(partition, span, signal);
        },
      }),
      Date.now(),
    );
    expect(tail?.lanes.flatMap(({ runs }) => runs)).toMatchObject([
      { firstSeq: 18, lastSeq: lengthOf(long) },
    ]);
    // A minute before the last that is archived of it, for clocks that differ.
    expect(read[0]).toBe(10);
    const { rows } = await readBoth(rig, log);
    expect(rows).toEqual(rowsOf(recordsOf(spread(long), spread(other))));
  });

  test('counts a lane that nobody knows as registered by the topic, and the one before it with it', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(1, 1), 'h', shape({ isClosed: false }));
    const second = madeLane(laneId(0, 2), 'h', shape({ ordinal: 2, previous: first }));
    topic.send(second, 1, lengthOf(second));
    const alone = await readBoth(rig, topic.log());
    // The lane before is from before the history.
    expect(alone.coverage).toMatchObject({ startMs: START, holes: [] });
    topic.send(first, 1, lengthOf(first));
    const { coverage, rows } = await readBoth(rig, topic.log());
    expect(coverage.lanes).toMatchObject([
      { lane: first.lane, coveredToMs: 'ended' },
      { lane: second.lane, coveredToMs: endOf(second) },
    ]);
    expect(rows).toEqual(rowsOf(recordsOf(first, second)));
  });

  test('finds a lane that is not where it would be now, as when the topic was given more partitions', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const made = spread(madeLane(LANE, 'h', shape({ points: 40, cut: 6 })));
    const other = spread(madeLane(laneId(1, 2), 'g', shape({ points: 40 })));
    for (let seq = 1; seq <= 20; seq += 1) topic.send(made, seq, seq, 1);
    await archive(rig, topic, (one) => holds(one, made, 15));
    for (let seq = 21; seq <= lengthOf(made); seq += 1) topic.send(made, seq, seq, 1);
    // So that the partition is read from its end, by what is archived of it.
    topic.send(other, 1, lengthOf(other));
    await archive(rig, topic, (one) => holds(one, other, lengthOf(other)));
    await rm(join(rig.place, 'lanes', made.lane, 'minute'), { recursive: true });
    const { coverage, rows } = await readBoth(rig, topic.log());
    expect(coverage.holes).toEqual([]);
    expect(rows).toEqual(rowsOf(recordsOf(made, other)));
  });

  test('has a hole where the topic has one, and says so', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(1);
    const made = madeLane(LANE, 'h', shape({ points: 30 }));
    topic.send(made, 1, 10);
    topic.send(made, 15, 20);
    const { coverage, rows } = await readBoth(rig, topic.log());
    const reason = 'not in the topic, and not archived';
    expect(coverage.holes).toMatchObject([{ lane: LANE, firstSeq: 11, lastSeq: 14, reason }]);
    expect(rows.map(({ seq }) => Number(seq))).not.toContain(12);
    // Filled again, it has none.
    topic.send(made, 5, lengthOf(made));
    const mended = await readBoth(rig, topic.log());
    expect(mended.coverage.holes).toEqual([]);
    expect(mended.rows).toEqual(rowsOf(recordsOf(made)));
  });

  test('names what retention took before it was archived', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(1);
    const made = madeLane(LANE, 'h', shape({ points: 40, cut: 6 }));
    for (let seq = 1; seq <= 20; seq += 1) topic.send(made, seq, seq);
    await archive(rig, topic, (one) => holds(one, made, 15));
    for (let seq = 21; seq <= 30; seq += 1) topic.send(made, seq, seq);
    present(topic.partitions[0]).low = 25;
    const { coverage } = await readBoth(rig, topic.log());
    expect(coverage.holes).toMatchObject([{ firstSeq: 16, lastSeq: 25 }]);
    expect(coverage.restorable[0]?.toMs).toBe(endOf(made, 15) - 1);
  });

  test('is not complete where a lane that others follow lacks its end, and has a hole once later records are there', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
    const later = { ordinal: 2, previous: first, startMs: START + 10_000 };
    const second = madeLane(laneId(1, 2), 'h', shape(later));
    topic.send(first, 1, 10);
    // The first message of a lane goes before what those before it still lack.
    topic.send(second, 1, 3);
    const behind = await readBoth(rig, topic.log());
    expect(behind.coverage).toMatchObject({ holes: [], safeTimeMs: endOf(first, 10) - 1 });
    topic.send(second, 4, lengthOf(second));
    const { coverage } = await readBoth(rig, topic.log());
    expect(coverage.holes).toMatchObject([
      { lane: first.lane, firstSeq: 11, lastSeq: lengthOf(first) },
    ]);
    expect(coverage.lanes[0]?.coveredToMs).toBe('ended');
  });

  test('lacks nothing that came between two looks at the ends of its partitions', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
    const second = madeLane(laneId(1, 2), 'h', shape({ ordinal: 2, previous: first }));
    topic.send(first, 1, 10);
    const log = topic.log();
    // As if the end of one partition had been asked for before that of the other.
    let asked = 0;
    const late: TopicLog = {
      ...log,
      ranges: async () => {
        const ranges = new Map(await log.ranges());
        asked += 1;
        if (asked > 1) return ranges;
        topic.send(first, 11, lengthOf(first));
        topic.send(second, 1, 3);
        topic.send(second, 4, lengthOf(second));
        return ranges.set(1, topic.range(1));
      },
    };
    const sources = await sourcesOf(rig, late);
    const { catalog } = await findHistory(sources, Date.now());
    expect(computeCoverage(catalog)).toMatchObject({
      holes: [],
      lanes: [{ coveredToMs: 'ended' }, { coveredToMs: endOf(second) }],
    });
  });

  test('finds what is archived, and dropped by the topic, while it reads', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(1);
    const made = madeLane(LANE, 'h', shape({ points: 40, cut: 6 }));
    for (let seq = 1; seq <= 30; seq += 1) topic.send(made, seq, seq);
    let isDone = false;
    const log = topic.log();
    const moving: TopicLog = {
      ...log,
      async *read(partition, span, signal) {
        if (!isDone) {
          isDone = true;
          await archive(rig, topic, (one) => holds(one, made, 29));
          present(topic.partitions[0]).low = 25;
        }
        yield* log.read(partition, span, signal);
      },
    };
    const { coverage, rows } = await readBoth(rig, moving);
    expect(coverage.holes).toEqual([]);
    const own = made.records.filter(({ seq }) => seq <= 30);
    expect(rows).toEqual(rowsOf(new Map([[LANE, own]])));
  });
});

function endOf({ records }: MadeLane, lastSeq = records.length): number {
  return present(records[lastSeq - 1]).receivedAt;
}

/** Its records ten seconds apart. */
function spread(made: MadeLane): MadeLane {
  const records = made.records.map((record) => ({
    ...record,
    receivedAt: START + record.seq * 10_000,
  }));
  return { ...made, records };
}

/** Two lanes each of three proxies, sent part by part, by turns, some of it more than once. */
function randomSends(below: (limit: number) => number): {
  readonly lanes: readonly MadeLane[];
  readonly sends: readonly ((topic: FakeTopic) => void)[];
} {
  const lanes: MadeLane[] = [];
  const proxies = [0, 1, 2].map((proxy) => {
    const own: { readonly lane: MadeLane; sent: number }[] = [];
    for (const ordinal of [1, 2]) {
      const lane = madeLane(
        laneId(below(3), lanes.length),
        `h${proxy}`,
        shape({
          ordinal,
          previous: own.at(-1)?.lane,
          points: 5 + below(30),
          cut: 2 + below(9),
          isClosed: below(2) === 0,
          startMs: START + ordinal * 10_000,
        }),
      );
      lanes.push(lane);
      own.push({ lane, sent: 0 });
    }
    return own;
  });
  const sends: ((topic: FakeTopic) => void)[] = [];
  while (proxies.some((own) => own.length > 0)) {
    const own = present(proxies[below(3)]);
    const [now] = own;
    if (now === undefined) continue;
    const { lane, sent } = now;
    const first = below(4) === 0 ? 1 + below(sent + 1) : sent + 1;
    const lastSeq = Math.min(lengthOf(lane), sent + 1 + below(8));
    sends.push((topic) => topic.send(lane, first, lastSeq));
    now.sent = lastSeq;
    if (lastSeq === lengthOf(lane)) own.shift();
  }
  return { lanes, sends };
}
