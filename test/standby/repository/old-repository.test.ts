import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repository } from '../../../src/archive/repository.ts';
import { beginningAt, type Place } from '../../../src/standby/place.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { Fabricated } from '../../restore/kit/fabricated.ts';
import type { MadeLane, MadeRecord } from '../../restore/kit/history.ts';
import { StillClock } from '../topic/fake-shared-topic.ts';
import { placeAfter, readAll } from '../reads.ts';
import { sourceOf, valuesOf } from './repository-reads.ts';

const DAY_MS = 86_400_000;
const LOOK_MS = 10_000;

let folder: TempDirectory;
beforeAll(async () => {
  folder = await tempDirectory('old-repository');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** As a proxy that was started on that day and stopped in order leaves it; without `values` it was given no write. */
function laneOf(day: number, ...values: readonly number[]): MadeLane {
  const records: Omit<MadeRecord, 'receivedAt'>[] = [
    { transport: 'log', lines: ['!tick {}'] },
    ...values.map((value) => {
      return { transport: 'http' as const, lines: [`put m 1500000000 ${value} h=a`] };
    }),
    { transport: 'log', lines: ['!close {}'] },
  ];
  const startMs = 1_000 + day * DAY_MS;
  return {
    lane: (day + 1).toString(16).padStart(16, '0'),
    records: records.map(({ transport, lines }, index) => {
      return { receivedAt: startMs + index * 1_000, transport, lines };
    }),
  };
}

function whole({ records }: MadeLane) {
  return [{ level: 'day' as const, firstSeq: 1, lastSeq: records.length }];
}

/** The same repository, which tells the files of it that are looked for. */
function watched({ repository }: Fabricated, looked: string[]): { repository: Repository } {
  const store: ObjectStore = new Proxy(repository.store, {
    get: (target, name: keyof ObjectStore) => {
      if (name !== 'localPath') return target[name].bind(target);
      return (object: string) => {
        looked.push(object);
        return target.localPath(object);
      };
    },
  });
  return { repository: { ...repository, store } as Repository };
}

/** What a start on the place gives, of which lanes it looks into segments, and the place then. */
async function start(made: Fabricated, place: Place) {
  const looked: string[] = [];
  const source = await sourceOf(watched(made, looked), new StillClock(0), folder.path);
  await source.seek(place);
  const reads = await readAll(source);
  await source.close();
  const lanes = [...new Set(looked.map((object) => object.split('/')[1]))];
  return { reads, lanes, place: placeAfter(place, reads) };
}

function holesIn(reads: readonly SourceRead[]): string[] {
  return reads.flatMap((read) => {
    if (read.kind !== 'hole') return [];
    const { lane, from, to } = read.hole;
    return [`${lane} ${from}-${to}`];
  });
}

const HALF_A_YEAR = [
  laneOf(0, 1, 2),
  laneOf(30),
  laneOf(60, 3),
  laneOf(130, 4),
  laneOf(150),
  laneOf(180, 5),
];
const LAST = laneOf(180).lane;

describe('of a repository of half a year', () => {
  test('a start reads nothing again of lanes that ended, however long ago', async () => {
    await using made = await Fabricated.create();
    await made.write(HALF_A_YEAR, whole);
    const begun = await start(made, beginningAt(null));
    expect(valuesOf(begun.reads)).toEqual(['1', '2', '3', '4', '5']);
    const { reads, lanes } = await start(made, begun.place);
    expect(reads.map(({ kind }) => kind)).toEqual([]);
    expect(lanes).toEqual([LAST]);
  });

  test('lanes that ended long ago are not named any more', async () => {
    await using made = await Fabricated.create();
    await made.write(HALF_A_YEAR, whole);
    const { place } = await start(made, beginningAt(null));
    const named = [130, 150, 180].map((day) => laneOf(day).lane);
    expect([...place.lanes.keys()].toSorted()).toEqual(named.toSorted());
  });

  test('a lane without a write for long is known as far as it goes', async () => {
    const ticks = [0, 60, 120, 150].map((day): MadeRecord => {
      return { receivedAt: 1_000 + day * DAY_MS, transport: 'log', lines: ['!tick {}'] };
    });
    const idle = { lane: 'ffffffffffffffff', records: ticks };
    await using made = await Fabricated.create();
    await made.write([laneOf(0, 1), idle], ({ lane, records }) =>
      lane === idle.lane
        ? records.map((_, index) => {
            return { level: 'minute', firstSeq: index + 1, lastSeq: index + 1 };
          })
        : whole({ lane, records }),
    );
    const { place } = await start(made, beginningAt(null));
    expect(place.lanes.get(idle.lane)).toMatchObject({ seq: 3, receivedAt: 1_000 + 120 * DAY_MS });
  });

  test('what was missing of it long ago is told once, and not at each start', async () => {
    await using made = await Fabricated.create();
    const [first] = HALF_A_YEAR;
    await made.write(HALF_A_YEAR, (lane) =>
      lane === first ? [{ level: 'day', firstSeq: 1, lastSeq: 3 }] : whole(lane),
    );
    const begun = await start(made, beginningAt(null));
    expect(holesIn(begun.reads)).toEqual([`${laneOf(0).lane} 4-4`]);
    const again = await start(made, begun.place);
    expect(again.reads.map(({ kind }) => kind)).toEqual([]);
  });

  test('a lane that is archived half a year late is given with all that was received since, whether that is met at a start or later', async () => {
    const late = { ...laneOf(10, 7, 8, 9), lane: 'ffffffffffffffff' };
    await using made = await Fabricated.create();
    await made.write(HALF_A_YEAR, whole);
    const clock = new StillClock(0);
    const { place } = await start(made, beginningAt(null));
    const running = await sourceOf(made, clock, folder.path);
    await running.seek(place);
    await readAll(running);
    made.archivedAt = 1_000 + 181 * DAY_MS;
    await made.write([late, laneOf(181, 6)], (lane) =>
      lane === late
        ? [
            { level: 'minute', firstSeq: 1, lastSeq: 2 },
            { level: 'minute', firstSeq: 4, lastSeq: 5 },
          ]
        : whole(lane),
    );
    clock.pass(LOOK_MS);
    const met = await readAll(running);
    await running.close();
    const started = await start(made, place);
    for (const reads of [met, started.reads]) {
      expect(reads.filter(({ kind }) => kind === 'again')).toHaveLength(1);
      expect(valuesOf(reads)).toEqual(['7', '9', '3', '4', '5']);
      expect(holesIn(reads)).toEqual([`${late.lane} 3-3`]);
    }
  });
});
