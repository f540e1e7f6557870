import { describe, expect, test } from 'vitest';
import type { CoverageHole } from '../../src/archive/coverage.ts';
import { present } from '../kit/wal-log.ts';
import { expectRecords } from './archive-content.ts';
import { ArchiveRig } from './archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { Group, holds, laneId, lengthOf, recordsOf, shape, START } from './topic-group.ts';
import { archive, endOf, readBoth, spread } from './topic-reads.ts';

const HOUR_MS = 3_600_000;
/** Clocks may differ by so much. */
const CLOCK_MS = 60_000;

/** An hour later. */
function later(made: MadeLane): MadeLane {
  const records = made.records.map((record) => {
    return { ...record, receivedAt: record.receivedAt + HOUR_MS };
  });
  return { ...made, records };
}

const known = spread(madeLane(laneId(0, 1), 'known', shape()));
const fresh = later(spread(madeLane(laneId(0, 2), 'fresh', shape())));

/** A topic of which the repository has all that came until the archivers stopped; then a lane began, and retention took its first ten records. */
async function loseBeginning(rig: ArchiveRig): Promise<FakeTopic> {
  const topic = new FakeTopic(1);
  topic.send(known, 1, lengthOf(known));
  await archive(rig, topic, (one) => holds(one, known, lengthOf(known)));
  topic.send(fresh, 1, 10);
  topic.send(fresh, 11, lengthOf(fresh));
  present(topic.partitions[0]).low = 2;
  return topic;
}

const hole: Partial<CoverageHole> = {
  lane: fresh.lane,
  firstSeq: 1,
  lastSeq: 10,
  fromMs: endOf(known) - CLOCK_MS,
};
const restorable = [{ fromMs: known.records[0]?.receivedAt, toMs: endOf(known) - CLOCK_MS - 1 }];
const rest = fresh.records.filter(({ seq }) => seq > 10);

describe('what retention took of a lane that no archiver had met', () => {
  test.each(['kept', 'lost'])(
    'is a hole, until the topic was filled again (offsets %s)',
    async (offsets) => {
      await using rig = await ArchiveRig.create();
      const topic = await loseBeginning(rig);
      topic.settled.set(0, 1);
      if (offsets === 'lost') topic.settled.clear();
      await using group = new Group(rig);
      group.startAlone(topic);
      const coverage = await group.until((one) => holds(one, fresh, lengthOf(fresh)));
      expect(coverage).toMatchObject({ holes: [hole], restorable });
      const holes = [{ lane: fresh.lane, from: 1, to: 10 }];
      expect(group.holes).toMatchObject(holes);
      await expectRecords(rig, new Map([...recordsOf(known), [fresh.lane, rest]]), {
        holes,
        isMended: true,
      });
      topic.send(fresh, 1, 10);
      topic.send(fresh, 11, lengthOf(fresh));
      await group.until(({ holes: now }) => now.length === 0);
      await expectRecords(rig, recordsOf(known, fresh), { isMended: true });
    },
  );

  test('is one for who reads the topic beside the repository, too', async () => {
    await using rig = await ArchiveRig.create();
    const topic = await loseBeginning(rig);
    const { coverage, rows } = await readBoth(rig, topic.log());
    expect(coverage).toMatchObject({ holes: [hole], restorable });
    expect(rows.find(({ lane }) => lane === fresh.lane)?.['seq']).toBe('11');
  });

  test('is from before the history where that begins with what is left of the topic', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(1);
    const lanes = [known, fresh].map((made, index) => spread({ ...made, host: `h${index}` }));
    for (const made of lanes) topic.send(made, 1, 10);
    for (const made of lanes) topic.send(made, 11, lengthOf(made));
    present(topic.partitions[0]).low = 2;
    await using group = new Group(rig);
    group.startAlone(topic);
    const coverage = await group.until((one) =>
      lanes.every((made) => holds(one, made, lengthOf(made))),
    );
    expect(coverage).toMatchObject({ holes: [], startMs: START + 110_000 });
    expect(group.holes).toEqual([]);
  });
});

describe('a topic that was given more partitions', () => {
  test('looks for the end of a lane where that is, though it would be elsewhere in a topic that was given more partitions', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
    const second = madeLane(laneId(0, 2), 'h', shape({ ordinal: 2, previous: first }));
    topic.send(first, 1, 10, 1);
    const stop = group.startAlone(topic);
    await group.until((one) => holds(one, first, 9));
    stop.abort();
    topic.send(first, 11, lengthOf(first), 1);
    topic.send(second, 1, lengthOf(second));
    // The other partition is behind.
    const member = topic.member();
    member.assign([0]);
    group.start(member);
    await group.until((one) => holds(one, second, lengthOf(second)));
    // Longer than quiet lanes and open ones are left alone, for a clock that is hasty.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(group.holes).toEqual([]);
    const other = topic.member();
    other.assign([1]);
    group.start(other);
    await group.until((one) => holds(one, first, lengthOf(first)));
    await expectRecords(rig, recordsOf(first, second));
    expect(group.holes).toEqual([]);
  });
});
