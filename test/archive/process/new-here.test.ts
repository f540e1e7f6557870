import { describe, expect, test } from 'vitest';
import { createRepository } from '../../../src/archive/repository.ts';
import type { Begin } from '../../../src/archive/format/sidecar.ts';
import { findLeftOpen, tellNewTopic } from '../../../src/archive/process/new-here.ts';
import { putBegin } from '../../kit/repository.ts';
import { tempDirectory } from '../../kit/temp.ts';

const AT = 1_750_000_000_000;
const LANES = ['00112233445566ff', 'ff66554433221100', '0123456789abcdef'] as const;
const [OWN, LEFT, NEXT] = LANES;

const begin = (lane: string, fields: Partial<Begin> = {}): Begin => ({
  lane,
  ordinal: 1,
  firstSeq: 1,
  openedAt: AT,
  previous: null,
  reason: 'start',
  disputed: null,
  host: 'here',
  ...fields,
});

async function leftOpen(place: string, begins: readonly Begin[], sinceMs: number) {
  const repository = await createRepository(place, AT);
  for (const one of begins) await putBegin(repository.store, one);
  const of = { repository, data: '/data', own: new Set([OWN]), host: 'here' };
  return findLeftOpen({ ...of, now: AT + sinceMs });
}

describe('a data directory that is new to a repository', () => {
  test('is told of lanes of its host that nothing has ended', async () => {
    await using folder = await tempDirectory('new');
    const left = await leftOpen(folder.path, [begin(OWN), begin(LEFT)], 1_000);
    const archivedTo = new Date(AT).toISOString();
    expect(left?.lanes).toEqual([{ lane: LEFT, host: 'here', archivedTo }]);
    expect(left?.told).toContain('put its data directory back');
    expect(left?.told).toContain(`lane retire LANE --repository ${folder.path}`);
  });

  test('is told of those of other hosts when nothing came of them for long', async () => {
    await using folder = await tempDirectory('new');
    const begins = [begin(OWN), begin(LEFT, { host: 'there' })];
    expect(await leftOpen(folder.path, begins, 60_000)).toBeUndefined();
    expect((await leftOpen(folder.path, [], 900_000))?.lanes).toHaveLength(1);
  });

  test('is not told of its own, nor of what has ended or goes on in a later lane', async () => {
    await using folder = await tempDirectory('new');
    const followed = begin(LEFT, { host: 'there' });
    const next = begin(NEXT, {
      host: 'there',
      openedAt: AT + 990_000,
      previous: { lane: LEFT, lastSeq: 5 },
    });
    expect(await leftOpen(folder.path, [begin(OWN), followed, next], 1_000_000)).toBeUndefined();
  });
});

test('a topic that is new to a repository is told where that was fed from another one', async () => {
  await using folder = await tempDirectory('new');
  const repository = await createRepository(folder.path, AT);
  const put = (lane: string, fields: Partial<Begin>) =>
    putBegin(repository.store, begin(lane, fields));
  // Of a proxy that archives itself nothing is said.
  await put(OWN, {});
  expect(await tellNewTopic(repository, 'writes')).toBeUndefined();
  await put(LEFT, { topic: 'writes', partition: 0 });
  expect(await tellNewTopic(repository, 'writes')).toBeUndefined();
  expect(await tellNewTopic(repository, 'writings')).toContain(
    'has nothing of the topic writings so far, but of writes: ',
  );
  await put(NEXT, { topic: 'writings', partition: 0 });
  expect(await tellNewTopic(repository, 'writings')).toBeUndefined();
});
