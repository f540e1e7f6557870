import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../../src/archive/holdings/catalog.ts';
import { retireLane } from '../../../src/archive/write/retire-lane.ts';
import { formatSidecar, parseSidecar } from '../../../src/archive/format/sidecar.ts';
import { FileStore } from '../../../src/storage/file-store.ts';
import {
  readTrustedSegments,
  type TrustedSegments,
  type TrustOptions,
} from '../../../src/restore/segments/trusted-segments.ts';
import { Fabricated, type MadeObject } from '../kit/fabricated.ts';
import type { MadeLane } from '../kit/history.ts';

const LANE = 'aaaaaaaaaaaaaaaa';
const RECORDS = Array.from({ length: 12 }, (_, n) => ({
  receivedAt: 10_000 + n * 10,
  transport: 'http' as const,
  lines: [`put m ${1_500_000_000 + n} ${n} h=a`],
}));
const LANES: readonly MadeLane[] = [{ lane: LANE, records: RECORDS }];
const OBJECTS: readonly MadeObject[] = [
  { level: 'hour', firstSeq: 1, lastSeq: 6 },
  ...[1, 4, 7, 10].map((firstSeq) => ({
    level: 'minute' as const,
    firstSeq,
    lastSeq: firstSeq + 2,
  })),
];
const MOMENT_MS = 10_075;
const LAST: MadeObject = { level: 'minute', firstSeq: 10, lastSeq: 12 };
/** Of another lane, after all of these. */
const OTHER = 'bbbbbbbbbbbbbbbb';
const LATER = RECORDS.slice(0, 3).map((record) =>
  Object.assign({}, record, { receivedAt: record.receivedAt + 200 }),
);
const LATER_MS = 10_215;
const MINUTE: MadeObject = { level: 'minute', firstSeq: 1, lastSeq: 3 };

describe('the segments that a restore trusts', () => {
  test('are few large ones and the minutes after them, when all is whole', async () => {
    await using made = await repository();
    const trusted = await trust(made);
    expect(levels(trusted)).toEqual(['hour', 'minute']);
    expect(trusted.damaged.size).toBe(0);
  });

  test.each([
    ['a byte of its data is another one', '.parquet', flip],
    ['its data are cut off', '.parquet', cutOff],
    ['its data are gone', '.parquet', rm],
    ['a byte of its sidecar is another one', '.json', flip],
    ['its sidecar is empty', '.json', (path: string) => writeFile(path, '')],
  ])('do without a merged one when %s, by its minutes', async (_, suffix, harm) => {
    await using made = await repository();
    await harm(await pathOf(made, '/hour/', suffix));
    const trusted = await trust(made);
    expect(levels(trusted)).toEqual(['minute', 'minute', 'minute']);
    expect([...trusted.damaged.keys()]).toEqual([expect.stringContaining('/hour/') as string]);
  });

  test('are checked one after the other: how far that is grows to all of it, and it can be ended', async () => {
    await using made = await repository();
    const shares: number[] = [];
    await trust(made, { onChecked: (_bytes, share) => shares.push(share) });
    expect(shares).toEqual([6 / 12, 9 / 12, 1]);
    const stop = new AbortController();
    let checks = 0;
    const onChecked = (): void => {
      checks += 1;
      stop.abort();
    };
    await expect(trust(made, { onChecked, signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(checks).toBe(1);
  });

  test('do without a merged one whose sidecar names the data of another segment', async () => {
    await using made = await repository();
    const [hour, minute] = await Promise.all(
      ['/hour/', '/minute/'].map(async (level) => pathOf(made, level, '.json')),
    );
    const other = parseSidecar(await readFile(minute ?? ''));
    const own = parseSidecar(await readFile(hour ?? ''));
    if (own === undefined || other === undefined) throw new Error('both are whole');
    await writeFile(hour ?? '', formatSidecar({ ...own, data: other.data }));
    expect(levels(await trust(made))).toEqual(['minute', 'minute', 'minute']);
  });

  test.each(['.json', '.parquet'])(
    'do without a merged one that the disk does not give back: its %s',
    async (suffix) => {
      await using made = await repository();
      const store = new FailingDisk(
        made.repository.place,
        (name) => name.includes('/hour/') && name.endsWith(suffix),
      );
      const trusted = await trust(made, { store });
      expect(levels(trusted)).toEqual(['minute', 'minute', 'minute']);
      expect([...trusted.damaged.values()].join()).toContain('/hour/');
    },
  );

  test('are never those of which the only copy is damaged', async () => {
    await using made = await repository();
    await flip(await pathOf(made, '/000000000000007-', '.parquet'));
    await expect(trust(made)).rejects.toMatchObject({
      code: 'REPOSITORY_DAMAGED',
      hint: expect.stringContaining(`holds records ${LANE}/7 to 9`) as string,
    });
    const trusted = await trust(made, { allowHoles: true });
    expect(levels(trusted)).toEqual(['hour']);
    expect(trusted.selection.holes).toMatchObject([{ firstSeq: 7, lastSeq: 9 }]);
    // What is before the damage needs nothing of it.
    expect(levels(await trust(made, { asOfMs: 10_045 }))).toEqual(['minute', 'minute']);
  });

  test('can do without the lost end of a lane that an operator ended, where that is allowed', async () => {
    await using made = await repository();
    await made.write([{ lane: OTHER, records: LATER }], () => [MINUTE]);
    const ending = { lane: LANE, lastSeq: 12, isClosed: true, reason: 'it is gone' };
    await retireLane(made.repository, { ...ending, notedAt: 20_000 });
    await expectHole(made);
  });

  test('never lack unsaid what a lane received after the end that the next one names', async () => {
    await using made = await Fabricated.create();
    const lanes = [
      { lane: LANE, records: RECORDS.slice(0, 9) },
      { lane: OTHER, records: LATER },
    ];
    await made.write(lanes, ({ lane }) => (lane === LANE ? OBJECTS.slice(0, 4) : [MINUTE]));
    await made.writeObject({ lane: LANE, records: RECORDS }, LAST);
    await expectHole(made);
  });

  test('are not looked into after the moment restored to, unless they tell of refusals', async () => {
    await using made = await repository();
    await flip(await pathOf(made, '/000000000000010-', '.parquet'));
    expect((await trust(made)).damaged.size).toBe(0);
  });
});

/** Some of its objects can't be read: EIO, as a disk says. */
class FailingDisk extends FileStore {
  readonly #fails: (name: string) => boolean;

  constructor(root: string, fails: (name: string) => boolean) {
    super(root);
    this.#fails = fails;
  }

  override read(name: string): Promise<Buffer | undefined> {
    return this.#fails(name) ? readFile(UNREADABLE) : super.read(name);
  }

  override localPath(name: string): Promise<string | undefined> {
    return this.#fails(name) ? Promise.resolve(UNREADABLE) : super.localPath(name);
  }
}

/** The memory of this process: there is nothing at its beginning. */
const UNREADABLE = '/proc/self/mem';

async function repository(): Promise<Fabricated> {
  const made = await Fabricated.create();
  await made.write(LANES, () => OBJECTS);
  return made;
}

async function trust(
  { repository: { store } }: Fabricated,
  options: Partial<TrustOptions> = {},
): Promise<TrustedSegments> {
  return readTrustedSegments({
    store,
    catalog: await readCatalog(store),
    local: new Map(),
    asOfMs: MOMENT_MS,
    allowHoles: false,
    isOnlyConfirmed: false,
    onChecked: () => undefined,
    ...options,
  });
}

/** Once the last segment of the lane is damaged, a later time is had without its records only, where that is allowed. */
async function expectHole(made: Fabricated): Promise<void> {
  const whole = await trust(made, { asOfMs: LATER_MS });
  expect(whole).toMatchObject({ lost: [], selection: { holes: [] } });
  await flip(await pathOf(made, '/000000000000010-', '.parquet'));
  const { firstSeq, lastSeq } = LAST;
  await expect(trust(made, { asOfMs: LATER_MS })).rejects.toMatchObject({
    code: 'REPOSITORY_DAMAGED',
    hint: expect.stringMatching(
      `holds records ${LANE}/${firstSeq} to ${lastSeq}.*nearest time without them .*--to 10079`,
    ) as string,
  });
  expect((await trust(made, { asOfMs: 10_079 })).selection.holes).toEqual([]);
  const { lost, selection } = await trust(made, { asOfMs: LATER_MS, allowHoles: true });
  expect(lost).toEqual([{ lane: LANE, firstSeq, lastSeq }]);
  expect(selection.holes).toMatchObject(lost);
  expect([...selection.lanes.values()].map(({ points }) => points.length)).toEqual([2, 1]);
}

function levels({ input }: TrustedSegments): string[] {
  return input.files.map(({ path }) => /\/(minute|hour|day)\//.exec(path)?.[1] ?? path);
}

async function pathOf(
  { repository: { store, place } }: Fabricated,
  part: string,
  suffix: string,
): Promise<string> {
  for await (const { name } of store.list('')) {
    if (name.includes(part) && name.endsWith(suffix)) return join(place, name);
  }
  throw new Error(`there is no ${part}…${suffix}`);
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

async function cutOff(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, -1));
}
