import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { formatSidecarName } from '../../src/archive/format/object-names.ts';
import { retireLane } from '../../src/archive/write/retire-lane.ts';
import { findHistory } from '../../src/archive/tail/sources.ts';
import type { TopicLog } from '../../src/archive/topic/topic-log.ts';
import { present } from '../kit/wal-log.ts';
import { ArchiveRig, writeLane } from './archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { holds, laneId, lengthOf, numbers, recordsOf, shape, START } from './topic-group.ts';
import { archive, endOf, randomSends, readBoth, rowsOf, sourcesOf, spread } from './topic-reads.ts';

const LANE = laneId(0, 1);

describe('a repository with the tail of its topic', () => {
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
    await fc.assert(property, { numRuns: 6 });
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
      { now: Date.now() },
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

  test('takes from the topic what is damaged in the repository, and says what neither has', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const made = spread(madeLane(LANE, 'h', shape({ points: 40, cut: 10 })));
    const other = spread(madeLane(laneId(1, 2), 'g', shape({ points: 40, cut: 10 })));
    for (let seq = 1; seq <= lengthOf(made); seq += 1) topic.send(made, seq, seq);
    topic.send(other, 1, lengthOf(other));
    await archive(
      rig,
      topic,
      (one) => holds(one, made, lengthOf(made)) && holds(one, other, lengthOf(other)),
    );
    const { lanes } = await readCatalog(rig.repository.store);
    const objects = [...lanes.values()].flatMap((lane) => lane.objects.slice(1, 3));
    const damaged = new Map(objects.map((one) => [formatSidecarName(one), 'it is gone']));
    const { coverage, rows } = await readBoth(rig, topic.log(), { damaged });
    expect(coverage.holes).toEqual([]);
    expect(rows).toEqual(rowsOf(recordsOf(made, other)));
    const spoilt = present(objects.find(({ lane }) => lane === LANE));
    const partition = present(topic.partitions.find(({ frames }) => frames.length > 2));
    partition.low = spoilt.firstSeq + 3;
    const { firstSeq } = spoilt;
    const reason = 'it is gone; not in the topic';
    expect((await readBoth(rig, topic.log(), { damaged })).coverage.holes).toMatchObject([
      { lane: LANE, firstSeq, reason },
    ]);
  });

  test('takes from it the damaged end of a lane that was ended, however long ago that was', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(2);
    const made = spread(madeLane(LANE, 'h', shape({ points: 40, cut: 10 })));
    const other = madeLane(laneId(0, 2), 'g', shape({ startMs: START + 1_000_000 }));
    for (let seq = 1; seq <= lengthOf(made); seq += 1) topic.send(made, seq, seq);
    topic.send(other, 1, lengthOf(other));
    await archive(
      rig,
      topic,
      (one) => holds(one, made, lengthOf(made)) && holds(one, other, lengthOf(other)),
    );
    const ending = { lane: LANE, lastSeq: lengthOf(made), isClosed: true, reason: 'it is gone' };
    await retireLane(rig.repository, { ...ending, notedAt: START });
    const { lanes } = await readCatalog(rig.repository.store);
    const spoilt = present(present(lanes.get(LANE)).objects.at(-1));
    const damaged = new Map([[formatSidecarName(spoilt), 'it is gone']]);
    const { coverage, rows } = await readBoth(rig, topic.log(), { damaged });
    expect(coverage.holes).toEqual([]);
    expect(rows).toEqual(rowsOf(recordsOf(made, other)));
    present(topic.partitions[0]).low = lengthOf(made);
    const { firstSeq, lastSeq } = spoilt;
    expect((await readBoth(rig, topic.log(), { damaged })).coverage.holes).toMatchObject([
      { lane: LANE, firstSeq, lastSeq },
    ]);
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
    const { catalog } = await findHistory(sources, { now: Date.now() });
    expect(computeCoverage(catalog)).toMatchObject({
      holes: [],
      lanes: [{ coveredToMs: 'ended' }, { coveredToMs: endOf(second) }],
    });
  });

  test('holds what the log of a data directory has, too, of which the topic may lack something', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 30, 10);
    const [logged] = [...(await rig.records())].map(([lane, records]): MadeLane => {
      return { lane, ordinal: 1, host: 'test', records };
    });
    const own = present(logged);
    const topic = new FakeTopic(2);
    topic.send(own, 1, 9);
    topic.send(own, 14, 20);
    const other = madeLane(laneId(1, 2), 'g', shape({ startMs: endOf(own) }));
    topic.send(other, 1, lengthOf(other));
    const alone = await readBoth(rig, topic.log());
    expect(alone.coverage.holes).toMatchObject([{ firstSeq: 10, lastSeq: 13 }]);
    const { coverage, rows } = await readBoth(rig, topic.log(), { data: rig.data });
    expect(coverage).toMatchObject({ holes: [], conflicts: [], safeTimeMs: endOf(other) - 1 });
    expect(rows).toEqual(rowsOf(recordsOf(own, other)));
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
