import { expect, test } from 'vitest';
import { readCatalog } from '../../../src/archive/holdings/catalog.ts';
import { computeCoverage, type Coverage } from '../../../src/archive/holdings/coverage.ts';
import { retire } from '../../../src/cli/history/lane-retire.ts';
import { ArchiveRig, line, writeLane } from '../../archive/archive-rig.ts';
import { FakeTopic, madeLane } from '../../archive/fake-topic.ts';
import { Group, holds, laneId, lengthOf, shape } from '../../archive/topic-group.ts';
import { TestLog } from '../../kit/wal-log.ts';

async function coverageOf({ repository }: ArchiveRig): Promise<Coverage> {
  return computeCoverage(await readCatalog(repository.store));
}

async function run(
  rig: ArchiveRig,
  lane: string,
  force = true,
  topic?: FakeTopic,
): Promise<string> {
  let text = '';
  const options = { repository: rig.place, force, topic: topic?.log() };
  const code = await retire(lane, options, (more) => {
    text += more;
    return Promise.resolve(true);
  });
  expect(code).toBe(0);
  return text;
}

test('a lane that stopped in order is ended without a hole', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 20, 7);
  await rig.archiveAll();
  const lane = (await coverageOf(rig)).lanes[0]?.lane ?? '';
  expect((await coverageOf(rig)).lanes[0]?.coveredToMs).not.toBe('ended');
  // Nobody writes to it any more, however short a while ago it was written to.
  expect(await run(rig, lane, false)).toContain('nothing of it is missing');
  expect(await coverageOf(rig)).toMatchObject({ lanes: [{ coveredToMs: 'ended' }], holes: [] });
});

/** A lane that, as far as is archived, has not stopped. The log is to be closed. */
async function breakOff(rig: ArchiveRig): Promise<TestLog> {
  const log = await TestLog.open(rig.wal);
  for (let n = 0; n < 5; n += 1) await log.write(line(n));
  log.wal.appendControl({ kind: 'cut' });
  await rig.archiveUntil(() => rig.archived.length > 0);
  return log;
}

test('a lane that broke off is ended with a hole after it', async () => {
  await using rig = await ArchiveRig.create();
  const log = await breakOff(rig);
  const { lane } = log.wal.durable;
  expect(await run(rig, lane)).toContain('whatever it received later is missing');
  const { lanes, holes } = await coverageOf(rig);
  expect(lanes).toMatchObject([{ coveredToMs: 'ended' }]);
  expect(holes).toMatchObject([{ lane, lastSeq: null }]);
  await log.wal.close();
});

test('a lane of which nothing was archived is ended after its begin, and no topic is spoken of', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 20, 7);
  await rig.register();
  const lane = (await coverageOf(rig)).lanes[0]?.lane ?? '';
  const told = await run(rig, lane);
  expect(told).toContain(`lane ${lane} is ended after record 0, `);
  expect(told).not.toContain('note:');
});

test('a lane stands as it did when it is only asked where it would be ended', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 20, 7);
  await rig.archiveAll();
  const lane = (await coverageOf(rig)).lanes[0]?.lane ?? '';
  let told = '';
  await retire(lane, { repository: rig.place, force: true, dryRun: true }, (text) => {
    told += text;
    return Promise.resolve(true);
  });
  expect(told).toContain(`lane ${lane} would be ended with record `);
  expect((await coverageOf(rig)).lanes[0]?.coveredToMs).not.toBe('ended');
});

test('a lane that was written to a short while ago is refused, and it is told what ending it would mean', async () => {
  await using rig = await ArchiveRig.create();
  const log = await breakOff(rig);
  const { lane } = log.wal.durable;
  await expect(run(rig, lane, false)).rejects.toMatchObject({ code: 'LANE_NOT_RETIRED' });
  let told = '';
  await retire(lane, { repository: rig.place, dryRun: true }, (text) => {
    told += text;
    return Promise.resolve(true);
  });
  expect(told).toContain('whatever it received later is missing');
  expect(told).toMatch(/note: lane .* so it may be alive: without --force it is refused for now/);
  expect((await coverageOf(rig)).lanes[0]?.coveredToMs).not.toBe('ended');
  await log.wal.close();
});

test('a lane that is unknown or has ended is refused', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 20, 7);
  await rig.archiveAll();
  const lane = (await coverageOf(rig)).lanes[0]?.lane ?? '';
  await expect(run(rig, '0'.repeat(16))).rejects.toMatchObject({ code: 'LANE_NOT_RETIRED' });
  await run(rig, lane);
  await expect(run(rig, lane)).rejects.toThrow('has ended already');
});

test('a lane that a topic still has more of is ended after that, once it is archived', async () => {
  await using rig = await ArchiveRig.create();
  const topic = new FakeTopic(1);
  const made = madeLane(laneId(0, 1), 'h', shape({ isClosed: false }));
  topic.send(made, 1, 10);
  await archive(rig, topic, 9);
  // Without the topic the end would be where the archive is; it counts no more when that goes on.
  topic.send(made, 11, lengthOf(made));
  const told = await run(rig, made.lane, true, topic);
  expect(told).toContain(`is ended after record ${lengthOf(made)}, `);
  expect(told).toContain('note: what the topic has of it is not archived yet');
  expect((await coverageOf(rig)).lanes[0]?.coveredToMs).not.toBe('ended');
  await archive(rig, topic, lengthOf(made));
  const { lanes, holes } = await coverageOf(rig);
  expect(lanes).toMatchObject([{ coveredToMs: 'ended' }]);
  expect(holes).toMatchObject([{ firstSeq: lengthOf(made) + 1, lastSeq: null }]);

  async function archive(of: ArchiveRig, from: FakeTopic, lastSeq: number): Promise<void> {
    await using group = new Group(of);
    group.startAlone(from);
    await group.until((coverage) => holds(coverage, made, lastSeq));
  }
});

test('a lane that stopped in order, as the topic alone tells, is ended without a hole', async () => {
  await using rig = await ArchiveRig.create();
  const topic = new FakeTopic(1);
  const made = madeLane(laneId(0, 1), 'h', shape());
  topic.send(made, 1, 10);
  await using group = new Group(rig);
  group.startAlone(topic);
  await group.until((coverage) => holds(coverage, made, 9));
  topic.send(made, 11, lengthOf(made));
  expect(await run(rig, made.lane, true, topic)).toContain('nothing of it is missing');
  await group.until((coverage) => coverage.lanes[0]?.coveredToMs === 'ended');
  expect((await coverageOf(rig)).holes).toEqual([]);
});

test('a lane that goes on in the topic is refused, however long ago it was archived', async () => {
  await using rig = await ArchiveRig.create();
  const topic = new FakeTopic(1);
  const old = madeLane(laneId(0, 1), 'h', shape({ points: 30, isClosed: false }));
  const now = Date.now();
  const records = old.records.map((record) =>
    record.seq <= 10 ? record : { ...record, receivedAt: now },
  );
  const made = { ...old, records };
  topic.send(made, 1, 10);
  await using group = new Group(rig);
  const stop = group.startAlone(topic);
  await group.until((coverage) => holds(coverage, made, 9));
  stop.abort();
  topic.send(made, 11, lengthOf(made));
  await expect(run(rig, made.lane, false, topic)).rejects.toThrow('so it may be alive');
  // The archive alone does not know better.
  expect(await run(rig, made.lane, false)).toContain('note: it came by the topic fake');
});
