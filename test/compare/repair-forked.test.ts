import { describe, expect, test } from 'vitest';
import { ArchiveRig } from '../archive/archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from '../archive/fake-topic.ts';
import { laneId, shape } from '../archive/topic-group.ts';
import { formatControl } from '../../src/record/control.ts';
import { type Compared, Pair, store } from './kit/pair.ts';

const UNDONE_ALONE =
  'missing m{h=a} 668 null: what the source shows is undone; the log has no other write of it';
const HAS =
  'different m{h=a} 667 1: what the source shows is undone; the target has what the log has';
const BEFORE = 'missing m{h=a} 666 null';
const UNKNOWN = 'missing m{h=a} 9 null';

const LANE = forkedLane();
/** Of the point 1500000009, which is undone; nothing else has it. */
const LOST_SEQ = 7;

describe('a repair from the primary that was, after a promotion as of a moment', () => {
  test('never sends what was undone, but the write before it', async () => {
    const { told, result } = await repaired((topic) => topic.send(LANE, 1, LANE.records.length));
    expect(told).toEqual([
      HAS,
      UNDONE_ALONE,
      `${BEFORE} from the log: what the source shows is undone`,
      'missing m{h=a} 4 null from the log',
      'missing m{h=a} 669 null: what the source shows is undone; the log has no other write of it',
      `${UNKNOWN} from the api`,
    ]);
    expect(result.repair).toMatchObject({ log: 2, api: 1, cannot: 3 });
  });

  test('nor where another lane lacks records', async () => {
    const other = madeLane(laneId(0, 2), 'i', shape({ points: 5, startMs: Date.now() + 60_000 }));
    const { told } = await repaired((topic) => {
      topic.send(LANE, 1, LANE.records.length);
      topic.send(other, 1, 2);
      topic.send(other, 4, other.records.length);
    });
    expect(told).toContain(HAS);
    expect(told).toContain(UNDONE_ALONE);
    expect(told).toContain(`${UNKNOWN} from the api`);
    expect(told.join()).not.toContain('repair without');
    expect(told.find((line) => line.startsWith(BEFORE))).toContain('there may be a later write');
  });

  test('nor what may have been in a record that was undone and is lost', async () => {
    const { told, result } = await repaired((topic) => {
      topic.send(LANE, 1, LOST_SEQ - 1);
      topic.send(LANE, LOST_SEQ + 1, LANE.records.length);
    });
    expect(told).toContain(UNDONE_ALONE);
    expect(told.filter((line) => line.includes('lacks records that this undid'))).toEqual([
      expect.stringContaining('missing m{h=a} 669 null'),
      expect.stringContaining(UNKNOWN),
    ]);
    expect(result.repair).toMatchObject({ api: 0 });
  });

  test('and names it where the target has too much', async () => {
    await using rig = await ArchiveRig.create();
    await using pair = await Pair.start();
    const topic = new FakeTopic(1);
    topic.send(LANE, 1, LANE.records.length);
    store(pair.target, ['put m 1500000002 668 h=a']);
    const { told, events } = await pair.compare({
      log: { repository: rig.place, topic: topic.log() },
    });
    expect(told).toEqual(['extra m{h=a} null 668: what the target shows is undone']);
    expect(events.find(({ event }) => event === 'difference')).toMatchObject({
      points: [{ log: { isRefused: false, value: null, undone: ['668'] } }],
    });
  });
});

function valueOf(line: string): string {
  return /\} (\d+)/.exec(line)?.[1] ?? '';
}

async function repaired(send: (topic: FakeTopic) => void): Promise<Compared> {
  await using rig = await ArchiveRig.create();
  await using pair = await Pair.start();
  const topic = new FakeTopic(1);
  send(topic);
  store(pair.source, [
    'put m 1500000001 667 h=a',
    'put m 1500000002 668 h=a',
    'put m 1500000003 666 h=a',
    'put m 1500000004 4 h=a',
    'put m 1500000009 669 h=a',
    // The log never had it.
    'put m 1500000010 9 h=a',
  ]);
  store(pair.target, ['put m 1500000001 1 h=a']);
  const log = { repository: rig.place, topic: topic.log() };
  const repair = { isDryRun: true, rate: Infinity };
  const compared = await pair.compare({ log, repair });
  const order = ['667', '668', '666', '4', '669', '9'];
  const told = compared.told.toSorted(
    (a, b) => order.indexOf(valueOf(a)) - order.indexOf(valueOf(b)),
  );
  return { ...compared, told };
}

/** Received after the look at both sides, so that the log is known up to that. */
function forkedLane(): MadeLane {
  const lane = laneId(0, 1);
  const startMs = Date.now() + 60_000;
  const made = madeLane(lane, 'h', shape({ points: 0, isClosed: false, startMs }));
  const fork = {
    id: '0123456789abcdef',
    at: startMs + 2,
    undone: [{ lane, from: 4, to: 8 }],
  };
  const later = [
    ['http', 'put m 1500000001 1 h=a'],
    ['http', 'put m 1500000003 3 h=a'],
    ['http', 'put m 1500000001 667 h=a'],
    ['http', 'put m 1500000002 668 h=a'],
    ['http', 'put m 1500000003 666 h=a'],
    ['http', 'put m 1500000009 669 h=a'],
    ['log', formatControl({ kind: 'tick', confirmed: null })],
    ['log', formatControl({ kind: 'fork', ...fork })],
    ['http', 'put m 1500000004 4 h=a'],
    ['log', formatControl({ kind: 'close' })],
  ] as const;
  const records = [
    ...made.records,
    ...later.map(([transport, line], index) => ({
      seq: index + 2,
      receivedAt: startMs + index + 1,
      transport,
      source: transport === 'log' ? '-' : '10.0.0.1:4242',
      lines: [line],
    })),
  ];
  return { ...made, records };
}
