import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { formatSidecarName } from '../../src/archive/format/object-names.ts';
import { present } from '../kit/wal-log.ts';
import { expectRecords } from './archive-content.ts';
import { ArchiveRig } from './archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { Group, holds, laneId, lengthOf, recordsOf, shape, START } from './topic-group.ts';
import { archive, spread } from './topic-reads.ts';

const HOUR_MS = 3_600_000;

/** An hour later. */
function later(made: MadeLane): MadeLane {
  const records = made.records.map((record) => {
    return { ...record, receivedAt: record.receivedAt + HOUR_MS };
  });
  return { ...made, records };
}

const known = spread(madeLane(laneId(0, 1), 'known', shape()));
const fresh = later(spread(madeLane(laneId(0, 2), 'fresh', shape())));

describe('what retention took of a lane that no archiver had met', () => {
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

  test('is no hole where a proxy was given the topic late, with a log that is older', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(1);
    topic.send(known, 1, lengthOf(known));
    await archive(rig, topic, (one) => holds(one, known, lengthOf(known)));
    topic.send(fresh, 11, lengthOf(fresh));
    await using group = new Group(rig);
    group.startAlone(topic);
    const coverage = await group.until((one) => holds(one, fresh, lengthOf(fresh)));
    expect(coverage.holes).toEqual([]);
    expect(group.holes).toEqual([]);
  });
});

describe('what the repository lost of a topic', () => {
  test('is archived again by members that are started anew, once more of the lane comes', async () => {
    await using rig = await ArchiveRig.create();
    const topic = new FakeTopic(1);
    const made = spread(madeLane(laneId(0, 1), 'h', shape({ points: 40, cut: 10 })));
    for (let seq = 1; seq <= 30; seq += 1) topic.send(made, seq, seq);
    await archive(rig, topic, (one) => holds(one, made, 23));
    const { lanes } = await readCatalog(rig.repository.store);
    const [, lost] = present(lanes.get(made.lane)).objects;
    await rig.repository.store.remove(formatSidecarName(present(lost)));
    await using group = new Group(rig);
    group.startAlone(topic);
    for (let seq = 31; seq <= lengthOf(made); seq += 1) topic.send(made, seq, seq);
    await group.until((one) => holds(one, made, lengthOf(made)) && one.holes.length === 0);
    await expectRecords(rig, recordsOf(made), { isMended: true });
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
