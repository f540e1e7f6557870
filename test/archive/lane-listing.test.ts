import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  listAll,
  type ListedDays,
  listOutermost,
} from '../../src/archive/holdings/lane-listing.ts';
import { type Level, parseObjectName } from '../../src/archive/format/object-names.ts';
import { hastyStore, putSegment } from '../kit/repository.ts';
import { tempDirectory } from '../kit/temp.ts';
import { laneId } from './history.ts';
import { dayOf } from './kit/plan-lane.ts';

const START = Date.parse('2025-02-26T12:00:00Z');
const DAY_MS = 86_400_000;
const LANE = laneId(1);

const named = (day: number): string => dayOf({ toMs: START + day * DAY_MS });

test('what is listed to tell what a lane holds is all but the hours and minutes of merged days', async () => {
  const objects = fc.array(
    fc.record({
      day: fc.nat(8),
      level: fc.constantFrom<Level>('minute', 'minute', 'hour', 'day'),
      n: fc.nat(2),
    }),
    { maxLength: 24 },
  );
  const bounds = fc.record({
    from: fc.option(fc.nat(8), { nil: undefined }),
    through: fc.option(fc.nat(8), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(objects, bounds, async (made, { from, through }) => {
      await using folder = await tempDirectory('listing');
      const store = hastyStore(folder.path);
      for (const { day, level, n } of made) {
        const toMs = START + day * DAY_MS;
        const firstSeq = day * 10 + n + 1;
        await putSegment(store, {
          lane: LANE,
          level,
          firstSeq,
          lastSeq: firstSeq,
          fromMs: toMs,
          toMs,
        });
      }
      const days: ListedDays = {
        from: from === undefined ? '' : named(from),
        through: through === undefined ? undefined : named(through),
      };
      const all = await namesOf(listAll(store, LANE, days));
      const whole = new Set(all.filter((name) => name.includes('/day/')).map(folderOf));
      const expected = all.filter((name) => name.includes('/day/') || !whole.has(folderOf(name)));
      expect(await namesOf(listOutermost(store, LANE, days))).toEqual(expected.toSorted());
      const inBounds = made.filter(({ day }) => day >= (from ?? 0) && day <= (through ?? 8));
      expect(all.filter((name) => name.endsWith('.json'))).toHaveLength(
        new Set(inBounds.map((one) => JSON.stringify(one))).size,
      );
    }),
    { numRuns: 60 },
  );
});

async function namesOf(objects: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of objects) {
    expect(parseObjectName(name)).toBeDefined();
    names.push(name);
  }
  return names.toSorted();
}

function folderOf(name: string): string {
  return name.split('/').slice(3, 6).join('/');
}
