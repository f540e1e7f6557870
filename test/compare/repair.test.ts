import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveRig } from '../archive/archive-rig.ts';
import { FakeTopic, type MadeLane, madeLane } from '../archive/fake-topic.ts';
import { holds, laneId, shape } from '../archive/topic-group.ts';
import { archive } from '../archive/topic-reads.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { namesOf, Verifying } from '../kit/verifying.ts';
import { LANES, smallRepository } from '../restore/kit/small-repository.ts';
import { Pair, store } from './kit/pair.ts';

const NOW = { isDryRun: false, rate: Infinity } as const;
const DIFFERENCES = [
  'different a{h=a} 9007199254740993 9007199254740992',
  'extra a{h=c} null 1',
  'missing a{h=a} 5 null',
];

async function damaged(): Promise<Pair> {
  const pair = await Pair.start();
  pair.both(['put a 1500000000 1 h=a', 'put b 1500000000 1.5 h=a']);
  store(pair.source, ['put a 1500000001 9007199254740993 h=a', 'put a 1500000002 5 h=a']);
  store(pair.target, ['put a 1500000001 9007199254740992 h=a', 'put a 1500000000 1 h=c']);
  return pair;
}

describe.concurrent('a repair', () => {
  test('sends what is missing or different, says what it cannot do, and what is left', async () => {
    await using pair = await damaged();
    const { result, told } = await pair.compare({ repair: NOW });
    const why = ': OpenTSDB deletes no single points, only hours of a series';
    expect(told.toSorted()).toEqual([
      `${DIFFERENCES[0]} from the api`,
      `${DIFFERENCES[1]}${why}`,
      `left: ${DIFFERENCES[1]}`,
      `${DIFFERENCES[2]} from the api`,
    ]);
    const left = { missing: 0, extra: 1, different: 0, form: 0, unreadable: 0 };
    const repair = { isDryRun: false, log: 0, api: 2, cannot: 1, refused: 0, left };
    expect(result).toMatchObject({ outcome: 'differs', isComplete: true, repair });
    const again = await pair.compare({ metrics: ['a'] });
    expect(again.told).toEqual([DIFFERENCES[1]]);
  });

  test('that mends everything makes them equal', async () => {
    await using pair = await Pair.start();
    pair.both(['put a 1500000000 1 h=a']);
    store(pair.source, ['put a 1500000001 2 h=a', 'put only.here 1500000000500 2.5 h=a']);
    const { result } = await pair.compare({ repair: NOW });
    expect(result).toMatchObject({ outcome: 'mended', repair: { api: 2, cannot: 0 } });
    expect((await pair.compare()).result).toMatchObject({ outcome: 'equal', repair: null });
  });

  test('that is only tried sends nothing', async () => {
    await using pair = await damaged();
    const { result, told } = await pair.compare({ repair: { ...NOW, isDryRun: true } });
    expect(told).toContain(`${DIFFERENCES[2]} from the api`);
    const repair = { isDryRun: true, log: 0, api: 2, cannot: 1, refused: 0, left: null };
    expect(result).toMatchObject({ outcome: 'differs', isComplete: true, repair });
    expect(pair.target.points).toEqual([]);
  });

  test('does not touch what a target that fixes no duplicates holds in another form', async () => {
    await using pair = await damaged();
    pair.target.settings['tsd.storage.fix_duplicates'] = 'false';
    const { result } = await pair.compare({ repair: NOW });
    const left = { missing: 0, extra: 1, different: 1, form: 0, unreadable: 0 };
    expect(result).toMatchObject({ repair: { api: 1, cannot: 2, left } });
  });

  test('names what the target refuses', async () => {
    await using pair = await damaged();
    store(pair.source, ['put refused 1500000000 1 h=a']);
    pair.target.faults.unknownMetrics = new Set(['refused']);
    const clock = new AdvancingClock();
    const advancing = setInterval(() => clock.advance(1_000), 20);
    const { result, events } = await pair.compare({ repair: NOW }, { clock });
    clearInterval(advancing);
    const refused = events.filter(({ event }) => event === 'refused');
    expect(refused).toEqual([
      {
        event: 'refused',
        line: 'put refused 1500000000 1 h=a',
        error: expect.stringContaining('metric') as string,
      },
    ]);
    expect(result).toMatchObject({
      outcome: 'differs',
      repair: { api: 3, refused: 1, left: { missing: 1, extra: 1, different: 0 } },
    });
  });

  test('can be left while it sends; what was told stays', async () => {
    await using pair = await damaged();
    const stop = new AbortController();
    const { result, events } = await pair.compare(
      { repair: NOW },
      {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.event === 'state') stop.abort();
        },
      },
    );
    expect(events.some(({ event }) => event === 'left')).toBe(false);
    expect(result).toMatchObject({
      isComplete: false,
      differences: { missing: 1, different: 1, extra: 1 },
      repair: { left: null },
    });
  });
});

describe('a repair with a log', () => {
  let verifying: Verifying;
  beforeAll(async () => {
    verifying = await Verifying.open();
  });
  afterAll(() => verifying[Symbol.asyncDispose]());

  test('sends each point as it was sent once, by its own transport', async () => {
    await using made = await smallRepository(verifying.duckdb);
    await using pair = await Pair.start();
    for (const { transport, lines } of LANES.flatMap(({ records }) => records)) {
      if (transport !== 'log') store(pair.source, lines, transport);
    }
    // Not in the log; of `m 1500000003` it only has a write that was refused.
    store(pair.source, ['put new 1500000000 1 h=a']);
    const log = { repository: made.repository.place };
    const { result } = await pair.compare({ log, repair: NOW });
    expect(result).toMatchObject({ outcome: 'mended', repair: { api: 2, cannot: 0 } });
    const sent = new Set(
      pair.target.points.map(
        ({ transport, metric, timestamp, value }) => `${transport} ${metric} ${timestamp} ${value}`,
      ),
    );
    expect(sent).toContain('http m 1500000000 300');
    expect(sent).toContain('http sys.cpu 1500000000 9007199254740993');
    expect(sent).toContain('http j 1500000000 2');
    expect(sent).toContain('telnet n 1500000004 7');
    expect(sent).toContain('http new 1500000000 1');
  });

  test('leaves what the target may have got later than the repository knows', async () => {
    await using made = await smallRepository(verifying.duckdb);
    await using pair = await Pair.start();
    store(pair.source, ['put n 1500000004 7 h=a', 'put new 1500000000 1 h=a']);
    store(pair.target, ['put n 1500000004 8 h=a', 'put new 1500000000 2 h=a']);
    const log = { repository: made.repository.place };
    const { result, told } = await pair.compare({ log, repair: NOW });
    expect(told.filter((line) => line.includes('a later write'))).toHaveLength(2);
    expect(result).toMatchObject({ outcome: 'differs', repair: { log: 0, api: 0, cannot: 2 } });
  });

  test('puts right what differs once the log is known up to now', async () => {
    await using rig = await ArchiveRig.create();
    await using pair = await Pair.start();
    const topic = new FakeTopic(2);
    const lane = laneToCome(5);
    topic.send(lane, 1, lane.records.length);
    storeDifferently(pair, lane);
    const log = { repository: rig.place, topic: topic.log() };
    const { result } = await pair.compare({ log, repair: { ...NOW, isDryRun: true } });
    expect(result.repair).toMatchObject({ log: 5, api: 0 });
  });

  test('leaves what the target may have of records that the log lacks, and puts right what came later', async () => {
    await using rig = await ArchiveRig.create();
    await using pair = await Pair.start();
    const topic = new FakeTopic(2);
    const lane = laneToCome(9, 2);
    // Without those of the points 3 and 4; with the next record a segment ends.
    topic.send(lane, 1, 4);
    topic.send(lane, 7, lane.records.length);
    storeDifferently(pair, lane);
    const log = { repository: rig.place, topic: topic.log() };
    const { result, told } = await pair.compare({ log, repair: { ...NOW, isDryRun: true } });
    expect(told.filter((line) => line.includes('the log lacks records'))).toHaveLength(4);
    expect(result.repair).toMatchObject({ log: 5, api: 0, cannot: 4 });
  });

  test('leaves what the target may have of records that were damaged at the end of the log', async () => {
    await using rig = await ArchiveRig.create();
    await using pair = await Pair.start();
    const topic = new FakeTopic(1);
    const lane = laneToCome(9);
    topic.send(lane, 1, lane.records.length);
    await archive(rig, topic, (one) => holds(one, lane, lane.records.length));
    storeDifferently(pair, lane);
    const log = { repository: rig.place, topic: new FakeTopic(1).log() };
    const repair = { ...NOW, isDryRun: true };
    expect((await pair.compare({ log, repair })).result.repair).toMatchObject({ log: 9 });
    const [lost] = await namesOf(rig.repository.store, 'lanes', '/000000000000010-', '.parquet');
    await writeFile(join(rig.place, lost ?? ''), '');
    const { result, told } = await pair.compare({ log, repair });
    expect(told.filter((line) => line.includes('the log lacks records'))).toHaveLength(9);
    expect(result.repair).toMatchObject({ log: 0, api: 0, cannot: 9 });
  });

  test('finds there what only the topic has', async () => {
    await using rig = await ArchiveRig.create();
    await using pair = await Pair.start();
    const topic = new FakeTopic(2);
    const lane = madeLane(laneId(0, 1), 'h', shape({ points: 5, isClosed: true }));
    topic.send(lane, 1, lane.records.length);
    for (const { transport, lines } of lane.records) {
      if (transport === 'http') store(pair.source, lines);
    }
    const log = { repository: rig.place, topic: topic.log() };
    const { result } = await pair.compare({ log, repair: { ...NOW, isDryRun: true } });
    // Of the last record's millisecond more may be to come.
    expect(result.repair).toMatchObject({ log: 5, api: 0 });
  });
});

/** Received after the look at both sides, so that the log is known up to that. */
function laneToCome(points: number, cut = 7): MadeLane {
  return madeLane(laneId(0, 1), 'h', shape({ points, cut, startMs: Date.now() + 60_000 }));
}

/** The source has what was sent, the target other values. */
function storeDifferently({ source, target }: Pair, { records }: MadeLane): void {
  const lines = records.flatMap((one) => (one.transport === 'http' ? one.lines : []));
  store(source, lines);
  store(
    target,
    lines.map((line) => line.replace(/^(put \S+ \S+) \S+/, '$1 77')),
  );
}
