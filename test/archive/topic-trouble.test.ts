import { describe, expect, test } from 'vitest';
import { DuckdbError } from '../../src/archive/duckdb.ts';
import { expectRecords } from './archive-content.ts';
import { ArchiveRig } from './archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { Group, holds, laneId, lengthOf, recordsOf, shape } from './topic-group.ts';

/** Of the segments that are made, those that `fails` says can't be written: as with a full disk, or too little memory. */
function failWrites(rig: ArchiveRig, fails: (attempt: number) => boolean): void {
  const run = rig.duckdb.run.bind(rig.duckdb);
  let attempts = 0;
  rig.duckdb.run = (sql) => {
    attempts += 1;
    if (!fails(attempts)) return run(sql);
    return Promise.reject(new DuckdbError(FULL));
  };
}

const FULL = 'IO Error: Could not write to file: No space left on device';

/** Record by record, all lanes by turns. */
function sendByTurns(topic: FakeTopic, ...lanes: readonly MadeLane[]): void {
  const length = Math.max(...lanes.map(lengthOf));
  for (let seq = 1; seq <= length; seq += 1) {
    for (const lane of lanes) if (seq <= lengthOf(lane)) topic.send(lane, seq, seq);
  }
}

describe('an archiver whose own disk or memory is full', () => {
  test('makes a segment later that it could not make, and takes nothing of it for missing', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const made = madeLane(laneId(0, 1), 'h', shape({ points: 12, cut: 4 }));
    sendByTurns(topic, made);
    failWrites(rig, (attempt) => attempt <= 3);
    group.startAlone(topic);
    await group.until((one) => holds(one, made, lengthOf(made)));
    await expectRecords(rig, recordsOf(made));
    expect(group.holes).toEqual([]);
    expect(new Set(group.told)).toEqual(new Set([FULL]));
  });

  test('does so where lanes share a partition, and where the end of one is told by the next', async () => {
    await using rig = await ArchiveRig.create();
    await using group = new Group(rig);
    const topic = new FakeTopic(1);
    const first = madeLane(laneId(0, 1), 'h', shape({ points: 12, cut: 5, isClosed: false }));
    const second = madeLane(laneId(0, 2), 'h', shape({ ordinal: 2, previous: first, cut: 4 }));
    const other = madeLane(laneId(0, 3), 'other', shape({ points: 30, cut: 11 }));
    sendByTurns(topic, first, other);
    sendByTurns(topic, second);
    // Each of the segments at least once.
    failWrites(rig, (attempt) => attempt % 2 === 1);
    group.startAlone(topic);
    const lanes = [first, second, other];
    await group.until((one) => lanes.every((lane) => holds(one, lane, lengthOf(lane))));
    await expectRecords(rig, recordsOf(...lanes));
    expect(group.holes).toEqual([]);
  });
});
