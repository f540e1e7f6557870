import { describe, expect, test } from 'vitest';
import { retireLane } from '../../src/archive/write/retire-lane.ts';
import { Topic } from '../../src/kafka/topic.ts';
import { freePort } from '../kit/ports.ts';
import { connectTo } from '../kit/topic.ts';
import { present } from '../kit/wal-log.ts';
import { expectRecords } from './archive-content.ts';
import { ArchiveRig } from './archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { Group, holds, laneId, lengthOf, numbers, recordsOf, shape, START } from './topic-group.ts';

describe('the archive of a topic', () => {
  test.each([1, 2, 3, 4])(
    'is the topic, record by record, however members come, go, fall behind and repeat (%i)',
    async (seed) => {
      await using rig = await ArchiveRig.create();
      await using group = new Group(rig);
      const below = numbers(seed);
      const topic = new FakeTopic(3);
      const lanes: MadeLane[] = [];
      const proxies = [0, 1, 2].map((proxy) => {
        const own: MadeLane[] = [];
        for (let ordinal = 1; ordinal <= 3; ordinal += 1) {
          const previous = own.at(-1);
          const isClosed = ordinal === 3 || below(2) === 0;
          const startMs = START + ordinal * 10_000;
          const lane = laneId(below(3), lanes.length);
          const made = madeLane(
            lane,
            `h${proxy}`,
            shape({
              ordinal,
              previous,
              points: 20 + below(40),
              cut: 3 + below(9),
              isClosed,
              startMs,
            }),
          );
          own.push(made);
          lanes.push(made);
        }
        return own.map((lane) => ({ lane, sent: 0 }));
      });
      const members = [topic.member(), topic.member()];
      const stops = members.map((member) => group.start(member));
      while (proxies.some((own) => own.length > 0)) {
        const own = present(proxies[below(3)]);
        const [now] = own;
        if (now === undefined) continue;
        const lastSeq = Math.min(lengthOf(now.lane), now.sent + 1 + below(6));
        topic.send(now.lane, now.sent + 1, lastSeq);
        // Sent again by a producer that had no answer.
        if (below(5) === 0) topic.send(now.lane, now.sent + 1, lastSeq);
        now.sent = lastSeq;
        if (lastSeq === lengthOf(now.lane)) own.shift();
        if (below(6) === 0) {
          // One is told late, so that two have a partition.
          const owner = below(members.length);
          members.forEach((member, n) => {
            if (below(3) > 0)
              member.assign([0, 1, 2].filter((p) => (p + owner) % members.length === n));
          });
        }
        if (below(15) === 0) {
          const gone = below(stops.length);
          stops[gone]?.abort();
          const next = topic.member();
          members[gone] = next;
          stops[gone] = group.start(next);
        }
        if (below(4) === 0) await new Promise((resolve) => setTimeout(resolve, below(30)));
      }
      members.forEach((member, n) => member.assign(n === 0 ? [0, 1, 2] : []));
      await group.until((coverage) => lanes.every((lane) => holds(coverage, lane, lengthOf(lane))));
      await expectRecords(rig, recordsOf(...lanes));
      expect(group.holes).toEqual([]);
    },
  );

  test('ends a lane that broke off where the next one says, though that is in another partition', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
    const second = madeLane(laneId(1, 2), 'h', shape({ ordinal: 2, previous: first }));
    topic.send(first, 1, lengthOf(first));
    topic.send(second, 1, lengthOf(second));
    group.startAlone(topic);
    const coverage = await group.until((one) => holds(one, first, lengthOf(first)));
    expect(coverage.holes).toEqual([]);
    await group.until((one) => one.lanes[0]?.coveredToMs === 'ended');
    await group.until((one) => holds(one, second, lengthOf(second)));
    await expectRecords(rig, recordsOf(first, second));
  });

  test('ends a lane also where others of its partition go on without a pause', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const first = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
    const second = madeLane(laneId(0, 2), 'h', shape({ ordinal: 2, previous: first }));
    const busy = madeLane(laneId(0, 3), 'b', shape({ points: 5_000, cut: 1_000 }));
    topic.send(first, 1, lengthOf(first));
    topic.send(second, 1, lengthOf(second));
    const member = topic.member();
    let sent = 0;
    member.range = (partition) => {
      sent += 1;
      topic.send(busy, sent, sent);
      return Promise.resolve(topic.range(partition));
    };
    member.assign([0]);
    group.start(member);
    await group.until((one) => holds(one, first, lengthOf(first)));
    const { holes } = await group.until(({ lanes }) => lanes[0]?.coveredToMs === 'ended');
    expect(holes).toEqual([]);
  });

  test('does not say what is settled before it knows its partitions, and from where on they are to be archived', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const member = new FakeTopic(2).member();
    const begins: (() => void)[] = [];
    const range = member.range.bind(member);
    member.range = async (partition) => {
      await new Promise<void>((resolve) => begins.push(resolve));
      return range(partition);
    };
    group.start(member);
    const [archiver] = group.archivers;
    expect(archiver?.settledOffsets).toBeUndefined();
    member.assign([1]);
    await expect.poll(() => begins).toHaveLength(1);
    expect(archiver?.settledOffsets).toBeUndefined();
    begins[0]?.();
    await expect.poll(() => archiver?.settledOffsets).toEqual(new Map([[1, 0]]));
  });

  test('goes on once a broker answers again', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const made = madeLane(laneId(0, 1), 'h', shape());
    topic.send(made, 1, lengthOf(made));
    const member = topic.member();
    const away = new Topic(await connectTo(`127.0.0.1:${await freePort()}`), topic.topic);
    const answer = member.range.bind(member);
    let asked = 0;
    member.range = async (partition) => {
      asked += 1;
      if (asked <= 2) await away.ranges();
      return answer(partition);
    };
    member.assign([0]);
    group.start(member);
    await group.until((one) => holds(one, made, lengthOf(made)));
    expect(group.told[0]).toContain('ECONNREFUSED');
  });

  test('names the lane before, though another member is yet to read it', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(0, 1), 'h', shape());
    const second = madeLane(laneId(1, 2), 'h', shape({ ordinal: 2, previous: first }));
    topic.send(first, 1, lengthOf(first));
    topic.send(second, 1, lengthOf(second));
    const member = topic.member();
    member.assign([1]);
    group.start(member);
    const coverage = await group.until((one) => holds(one, second, lengthOf(second)));
    // The first one is behind, and is no hole.
    expect(coverage).toMatchObject({ holes: [], safeTimeMs: START - 1 });
    expect(coverage.lanes.map(({ lane }) => lane)).toEqual([first.lane, second.lane]);
  });

  test('lacks nothing when the offsets that members left to each other were moved', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const first = madeLane(laneId(0, 1), 'h', shape());
    const second = madeLane(laneId(0, 2), 'h', shape({ ordinal: 2, previous: first, points: 40 }));
    topic.send(first, 1, 5);
    topic.send(first, 6, lengthOf(first));
    topic.send(second, 1, 3);
    topic.send(second, 4, 20);
    topic.send(second, 21, lengthOf(second));
    topic.settled.set(0, 4);
    group.startAlone(topic);
    await group.until((one) => holds(one, second, lengthOf(second)));
    await group.until((one) => holds(one, first, lengthOf(first)));
    await expectRecords(rig, recordsOf(first, second));
    expect(group.holes).toEqual([]);
  });

  test('lacks nothing of a lane that is not where it would be now, as when the topic was given more partitions', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(2);
    const made = madeLane(laneId(0, 1), 'h', shape({ points: 30 }));
    topic.send(made, 1, 12, 1);
    const stop = group.startAlone(topic);
    await group.until((one) => holds(one, made, 9));
    stop.abort();
    topic.send(made, 13, 20, 1);
    topic.send(made, 21, lengthOf(made), 1);
    topic.settled.set(1, 2);
    group.startAlone(topic);
    await group.until((one) => holds(one, made, lengthOf(made)));
    await expectRecords(rig, recordsOf(made));
    expect(group.holes).toEqual([]);
  });

  test('has a hole where the topic has one, until the topic was filled again', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const made = madeLane(laneId(0, 1), 'h', shape({ points: 30 }));
    const { lane, records } = made;
    topic.send(made, 1, 10);
    topic.send(made, 15, lengthOf(made));
    group.startAlone(topic);
    await group.until((one) => holds(one, made, lengthOf(made)));
    const rest = records.filter(({ seq }) => seq <= 10 || seq >= 15);
    const holes = [{ lane, from: 11, to: 14 }];
    await expectRecords(rig, new Map([[lane, rest]]), { holes, isMended: true });
    expect(group.holes).toMatchObject(holes);
    topic.send(made, 5, 12);
    topic.send(made, 13, lengthOf(made));
    await group.until(({ holes: now }) => now.length === 0);
    await expectRecords(rig, recordsOf(made), { isMended: true });
  });

  test('has a hole at the end of a lane of which the topic lacks the rest, once a later one is archived', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(2);
    const first = madeLane(laneId(0, 1), 'h', shape());
    const second = madeLane(laneId(1, 2), 'h', shape({ ordinal: 2, previous: first }));
    topic.send(first, 1, 10);
    topic.send(second, 1, lengthOf(second));
    group.startAlone(topic);
    await group.until(({ holes }) => holes.length > 0);
    const rest = first.records.filter(({ seq }) => seq <= 10);
    const lanes = new Map([...recordsOf(second), [first.lane, rest]]);
    const holes = [{ lane: first.lane, from: 11, to: lengthOf(first) }];
    await expectRecords(rig, lanes, { holes });
    const { lanes: covered } = await group.coverage();
    expect(covered[0]?.coveredToMs).toBe('ended');
  });

  test('takes the rest of a lane that an operator has ended', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const made = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
    topic.send(made, 1, lengthOf(made));
    group.startAlone(topic);
    await group.until((one) => one.lanes.length > 0);
    const lastSeq = lengthOf(made);
    const note = { lane: made.lane, lastSeq, isClosed: false, reason: 'gone', notedAt: START };
    await retireLane(rig.repository, note);
    const { holes } = await group.until((one) => one.lanes[0]?.coveredToMs === 'ended');
    expect(holes).toMatchObject([{ firstSeq: lastSeq + 1, lastSeq: null, reason: 'gone' }]);
  });

  test('begins in the middle of a lane where the topic does, and tells what is none of ours', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const made = madeLane(laneId(0, 1), 'h', shape());
    topic.send(made, 1, 4);
    topic.partitions[0]?.frames.push('foreign');
    topic.send(made, 5, lengthOf(made));
    present(topic.partitions[0]).low = 1;
    topic.settled.set(0, 0);
    group.startAlone(topic);
    await group.until((one) => holds(one, made, lengthOf(made)));
    const rest = made.records.filter(({ seq }) => seq >= 5);
    await expectRecords(rig, new Map([[made.lane, rest]]));
    expect(group.told).toEqual(['lost 0/0 to 1', 'foreign 0/1']);
  });
});
