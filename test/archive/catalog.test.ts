import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCatalog, readSidecar } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { indexClosedMonths } from '../../src/archive/merge/month-index.ts';
import {
  formatDataName,
  formatSidecarName,
  type SegmentName,
  type Span,
} from '../../src/archive/format/object-names.ts';
import { readSummary } from '../../src/archive/holdings/summary.ts';
import type { FileStore } from '../../src/storage/file-store.ts';
import { hastyStore, putBegin, putEmptySegment, putSegment } from '../kit/repository.ts';
import { tempDirectory } from '../kit/temp.ts';
import { dayOf, mergeAll } from './kit/plan-lane.ts';
import { history, holdingsOf, laneId, ofTopic, type TrueLane } from './history.ts';

const START = Date.UTC(2025, 0, 30);
const DAY_MS = 86_400_000;
const WRITER = 'tsdb-wal test';

/** Stretches the milliseconds of a made-up history: to ten days each it passes some months. */
function stretchLane(lane: TrueLane, days = 10): TrueLane {
  const stretch = (time: number): number => START + (time - 1_000) * days * DAY_MS;
  return {
    ...lane,
    begin: { ...lane.begin, openedAt: stretch(lane.begin.openedAt) },
    receivedAt: lane.receivedAt.map(stretch),
    objects: lane.objects.map((span) =>
      Object.assign({}, span, { fromMs: stretch(span.fromMs), toMs: stretch(span.toMs) }),
    ),
  };
}

/** Without what was merged of segments of different days, as the archiver never does. */
function withinDays(lane: TrueLane): TrueLane {
  const objects = lane.objects.filter((span) =>
    lane.objects.every(
      (part) =>
        part.firstSeq < span.firstSeq || part.lastSeq > span.lastSeq || dayOf(part) === dayOf(span),
    ),
  );
  return { ...lane, objects };
}

/** As the archiver names them, with days merged that are whole; `lastSeq`: where the lane ends, if that is known. */
async function segmentsOf({ lane, objects }: TrueLane, lastSeq?: number): Promise<SegmentName[]> {
  const segments = objects.map((span: Span) => {
    const isMerged = objects.some(
      (o) => o !== span && o.firstSeq >= span.firstSeq && o.lastSeq <= span.lastSeq,
    );
    const level = isMerged ? ('hour' as const) : ('minute' as const);
    return { lane, level, ...span };
  });
  return mergeAll(segments, lastSeq);
}

/** By those that follow it. */
const endOf = ({ lane, receivedAt }: TrueLane, lanes: readonly TrueLane[]): number | undefined =>
  lanes.some(({ begin: { previous } }) => previous?.lane === lane) ? receivedAt.length : undefined;

async function store(lanes: readonly TrueLane[], into: FileStore): Promise<void> {
  for (const lane of lanes) {
    await putBegin(into, lane.begin);
    for (const segment of await segmentsOf(lane, endOf(lane, lanes)))
      await putSegment(into, segment);
  }
}

describe('what a repository holds', () => {
  test('is told alike by the listing, by a summary, and by a summary from the index of closed months', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 0, max: 400 }), async (made, days) => {
        await using folder = await tempDirectory('catalog');
        const files = hastyStore(folder.path);
        const lanes = made.map((lane) => withinDays(stretchLane(lane)));
        await store(lanes, files);
        const expected = computeCoverage(holdingsOf(lanes));
        const catalog = await readCatalog(files);
        expect(catalog.faults).toEqual([]);
        expect(computeCoverage(catalog)).toEqual(expected);
        const listed = await readSummary(files, { useIndex: false });
        expect(computeCoverage(listed)).toEqual(expected);
        const months = await indexClosedMonths(files, START + days * DAY_MS, WRITER);
        const indexed = await readSummary(files, { useIndex: true });
        expect(indexed.indexedMonths).toBe(months.length);
        expect(computeCoverage(indexed)).toEqual(expected);
        const totals = [...indexed.lanes.values()].map((lane) => lane.totals);
        expect(totals).toEqual([...listed.lanes.values()].map((lane) => lane.totals));
      }),
      { numRuns: 40 },
    );
  });

  test('is told from the listing where an index is older than what was archived late', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.infiniteStream(fc.boolean()), async (made, isLate) => {
        await using folder = await tempDirectory('catalog');
        const files = hastyStore(folder.path);
        const lanes = made.map((lane) => withinDays(stretchLane(lane)));
        const early = lanes.map((lane) =>
          Object.assign({}, lane, {
            objects: lane.objects.filter(() => isLate.next().value !== true),
          }),
        );
        await store(early, files);
        await indexClosedMonths(files, START + 1_000 * DAY_MS, WRITER);
        await store(lanes, files);
        const indexed = await readSummary(files, { useIndex: true });
        const expected = computeCoverage(holdingsOf(lanes));
        expect(computeCoverage(indexed)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  test('is what hours and minutes hold where merged days lost their data, be it at the end of a lane', async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.integer({ min: 0, max: 400 }),
        fc.infiniteStream(fc.boolean()),
        async (made, days, isLost) => {
          await using folder = await tempDirectory('catalog');
          const files = hastyStore(folder.path);
          const lanes = made.map((lane) => withinDays(stretchLane(lane, 1 / 4))).map(ofTopic);
          await store(lanes, files);
          await indexClosedMonths(files, START + days * DAY_MS, WRITER);
          for (const lane of lanes) {
            for (const segment of await segmentsOf(lane, endOf(lane, lanes))) {
              if (segment.level === 'day' && isLost.next().value === true)
                await rm(join(folder.path, formatDataName(segment, '89abcdef')));
            }
          }
          const summary = await readSummary(files, { useIndex: true });
          expect(computeCoverage(summary)).toEqual(computeCoverage(holdingsOf(lanes)));
        },
      ),
      { numRuns: 40 },
    );
  });
});

const begin = {
  lane: laneId(1),
  ordinal: 1,
  firstSeq: 1,
  openedAt: START,
  previous: null,
  reason: 'start',
  disputed: null,
  host: 'h',
};

const segmentAt = (n: number): SegmentName => ({
  lane: laneId(1),
  level: 'minute',
  firstSeq: n * 10 + 1,
  lastSeq: n * 10 + 10,
  fromMs: START + n * DAY_MS,
  toMs: START + (n + 1) * DAY_MS,
});

describe('the index of closed months', () => {
  test('is written once a month is over for an hour and the repository past it, and once only', async () => {
    await using folder = await tempDirectory('index');
    const files = hastyStore(folder.path);
    await putBegin(files, begin);
    for (let n = 0; n < 4; n += 1) await putSegment(files, segmentAt(n));
    const february = Date.UTC(2025, 1, 1);
    expect(await indexClosedMonths(files, february + 3_599_999, WRITER)).toEqual([]);
    expect(await indexClosedMonths(files, february + 3_600_000, WRITER)).toEqual(['2025-01']);
    expect(await indexClosedMonths(files, february + 3_600_000, WRITER)).toEqual([]);
    // The repository is not past February.
    expect(await indexClosedMonths(files, Date.UTC(2025, 4, 1), WRITER)).toEqual([]);
  });

  test('is not written while something of the month is damaged, nor believed when it is itself', async () => {
    await using folder = await tempDirectory('index');
    const files = hastyStore(folder.path);
    await putBegin(files, begin);
    for (let n = 0; n < 4; n += 1) await putSegment(files, segmentAt(n));
    const sidecar = join(folder.path, formatSidecarName(segmentAt(0)));
    const sound = await readFile(sidecar, 'utf8');
    await writeFile(sidecar, sound.replace('"points":10', '"points":11'));
    const now = Date.UTC(2025, 1, 2);
    expect(await indexClosedMonths(files, now, WRITER)).toEqual([]);
    await expect(readSidecar(files, segmentAt(0))).rejects.toMatchObject({
      code: 'REPOSITORY_DAMAGED',
    });
    await writeFile(sidecar, sound);
    expect(await indexClosedMonths(files, now, WRITER)).toEqual(['2025-01']);
    const index = join(folder.path, 'index', '2025-01.json');
    await writeFile(index, (await readFile(index, 'utf8')).replace('"lastSeq":', '"lastseq":'));
    const summary = await readSummary(files, { useIndex: true });
    expect(summary).toMatchObject({
      indexedMonths: 0,
      faults: [{ kind: 'damaged', object: 'index/2025-01.json' }],
    });
    expect(summary.lanes.get(laneId(1))?.totals).toMatchObject({ segments: 4, points: 40 });
  });

  test('is listed beside around a hole only, however long ago that is', async () => {
    await using folder = await tempDirectory('index');
    const files = hastyStore(folder.path);
    await putBegin(files, begin);
    for (let n = 0; n < 400; n += 1) {
      // The time of what is after a hole begins where what is before it ends.
      const { fromMs } = segmentAt(n === 41 ? 40 : n);
      if (n !== 40) await putEmptySegment(files, { ...segmentAt(n), fromMs });
    }
    const months = await indexClosedMonths(files, segmentAt(400).toMs, WRITER);
    expect(months).toHaveLength(14);
    let listed = 0;
    const list = files.list.bind(files);
    files.list = async function* (prefix, after) {
      for await (const object of list(prefix, after)) {
        if (object.name.includes('/minute/')) listed += 1;
        yield object;
      }
    };
    const { holes } = computeCoverage(await readSummary(files, { useIndex: true }));
    expect(holes).toMatchObject([{ firstSeq: 401, lastSeq: 410 }]);
    // Its month and the last one, and what shows where they end.
    expect(listed).toBeLessThan(80);
  });
});

describe('what the listing shows to be wrong', () => {
  test('includes a lane that is gone as a whole, if an index of a closed month knew of it', async () => {
    await using folder = await tempDirectory('index');
    const files = hastyStore(folder.path);
    await putBegin(files, begin);
    await putBegin(files, {
      ...begin,
      lane: laneId(2),
      ordinal: 2,
      previous: { lane: laneId(1), lastSeq: 20 },
    });
    for (let n = 0; n < 4; n += 1) {
      if (n < 2) await putSegment(files, segmentAt(n));
      await putSegment(files, { ...segmentAt(n), lane: laneId(2) });
    }
    expect(await indexClosedMonths(files, Date.UTC(2025, 1, 2), WRITER)).toEqual(['2025-01']);
    expect((await readSummary(files, { useIndex: true })).faults).toEqual([]);
    await rm(join(folder.path, 'lanes', laneId(2)), { recursive: true });
    expect((await readSummary(files, { useIndex: true })).faults).toMatchObject([
      { kind: 'missing', object: `lanes/${laneId(2)}` },
    ]);
  });

  test('includes data that are gone or of another size, whose records count where other segments hold them', async () => {
    await using folder = await tempDirectory('index');
    const files = hastyStore(folder.path);
    await putBegin(files, begin);
    for (let n = 0; n < 3; n += 1) await putSegment(files, segmentAt(n));
    const hour = { ...segmentAt(0), level: 'hour' as const };
    await putSegment(files, hour);
    const [ofHour, ofLast] = [hour, segmentAt(2)].map((one) => formatDataName(one, '89abcdef'));
    await rm(join(folder.path, ofHour ?? ''));
    await writeFile(join(folder.path, ofLast ?? ''), 'torn');
    const summary = await readSummary(files, { useIndex: true });
    expect(summary.faults).toMatchObject([
      { kind: 'missing', object: ofHour },
      { kind: 'damaged', object: ofLast, reason: `${ofLast} has 4 bytes instead of 1000` },
    ]);
    expect(summary.lanes.get(laneId(1))?.totals).toMatchObject({ segments: 2, points: 20 });
    const { firstSeq, lastSeq, fromMs, toMs } = segmentAt(2);
    expect(computeCoverage(summary)).toMatchObject({
      holes: [{ firstSeq, lastSeq, fromMs, toMs }],
      safeTimeMs: toMs - 1,
    });
  });

  test('is told by name: begins, hole markers and names, never passed over', async () => {
    await using folder = await tempDirectory('faults');
    const files = hastyStore(folder.path);
    await putBegin(files, begin);
    await putSegment(files, segmentAt(0));
    const damaged = `lanes/${laneId(2)}/begin.json`;
    await files.create(damaged, Buffer.from('{}\n'));
    const marker = `lanes/${laneId(1)}/holes/000000000000011-000000000000012.json`;
    await files.create(marker, Buffer.from('{}\n'));
    const stranger = `lanes/${laneId(1)}/minute/2025/01/31/readme.txt`;
    await files.create(stranger, Buffer.from('?'));
    await files.create('lanes/notes', Buffer.from('?'));
    await files.create('lanes/more/notes/1', Buffer.from('?'));
    await files.create('lanes/more/notes/2', Buffer.from('?'));
    await mkdir(join(folder.path, 'lanes', laneId(4)));
    await putSegment(files, { ...segmentAt(0), lane: laneId(3) });
    const expected = [
      damaged,
      marker,
      stranger,
      'lanes/notes',
      'lanes/more/notes/1',
      'lanes/more/notes/2',
      `lanes/${laneId(3)}/begin.json`,
    ].toSorted();
    const { faults } = await readCatalog(files);
    expect(faults.map(({ object }) => object).toSorted()).toEqual(expected);
    const summary = await readSummary(files, { useIndex: true });
    expect(summary.faults.map(({ object }) => object).toSorted()).toEqual(expected);
  });

  test('a sidecar under another name than its own is damaged, one that is gone is undefined', async () => {
    await using folder = await tempDirectory('faults');
    const files = hastyStore(folder.path);
    const name = await putSegment(files, segmentAt(0));
    const content = await files.read(name);
    await files.create(formatSidecarName(segmentAt(1)), content ?? Buffer.alloc(0));
    await expect(readSidecar(files, segmentAt(1))).rejects.toMatchObject({
      code: 'REPOSITORY_DAMAGED',
    });
    await rm(join(folder.path, name));
    expect(await readSidecar(files, segmentAt(0))).toBeUndefined();
  });
});
