import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lookFormer, meetPrimary, PRIMARY_BEFORE } from '../../src/follow/former-primary.ts';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { until } from '../kit/until.ts';
import { Rig } from './rig.ts';

const OLD = 'http://old:4242';
const NEW = 'http://new:4242';
const THIRD = 'http://third:4242';
const at = (seq: number) => ({ lane: 'a', ordinal: 1, seq });
const OTHER = { kind: 'other', former: { primary: OLD, position: at(10), until: 1_000 } };

const line = (value: number): string => `put sys.load 1780317200 ${value} host=a`;

let folder: TempDirectory;

beforeEach(async () => {
  folder = await tempDirectory('former');
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A start that feeds this one; `seq`: and how far it has come by its end. */
async function start(primary: string, seq?: number): Promise<unknown> {
  const cursor = await Cursor.open(folder.path, 'primary');
  const seen = await lookFormer(folder.path, primary, { cursor, now: 1_000 });
  const met = await meetPrimary(folder.path, primary, { cursor, now: 1_000 });
  expect(seen).toEqual(met.kind === 'other' ? met.former : undefined);
  if (seq !== undefined) await cursor.move(at(seq));
  return met;
}

const place = async () => (await Cursor.open(folder.path, 'primary')).position;

describe('a start with another primary', () => {
  test('is known, over later starts, too, until somebody says that it is meant', async () => {
    expect(await start(OLD, 10)).toEqual({ kind: 'same' });
    expect(await start(OLD)).toEqual({ kind: 'same' });
    expect(await start(NEW)).toEqual(OTHER);
    expect(await start(NEW, 15)).toEqual(OTHER);
    await rm(join(folder.path, PRIMARY_BEFORE));
    expect(await start(NEW, 20)).toEqual({ kind: 'same' });
    expect(await start(OLD)).toMatchObject({ former: { primary: NEW, position: at(20) } });
  });

  test('is refused where it cannot be told what was fed before', async () => {
    await start(OLD, 10);
    await start(NEW, 15);
    await writeFile(join(folder.path, PRIMARY_BEFORE), 'spoilt');
    await expect(start(OLD)).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
    expect(await place()).toEqual(at(15));
  });

  test('is known where a cursor of an earlier version does not say whose it is, from the next start on', async () => {
    const cursor = await Cursor.open(folder.path, 'primary');
    await cursor.move(at(10));
    expect(await start(OLD)).toEqual({ kind: 'same' });
    expect(await start(NEW)).toEqual(OTHER);
  });

  test('is no matter while nothing was brought to the one before', async () => {
    expect(await start(OLD)).toEqual({ kind: 'same' });
    expect(await start(NEW, 10)).toEqual({ kind: 'same' });
    expect(await readdir(folder.path)).toEqual(['cursors']);
  });

  test('that was a slip brings the right one what came since', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    expect(await start(THIRD, 30)).toEqual(OTHER);
    expect(await start(OLD)).toEqual({ kind: 'back', behind: at(10) });
    expect(await place()).toEqual(at(10));
    expect(await start(OLD)).toEqual({ kind: 'same' });
  });

  test('that was a slip sends all of the log where the cursor was removed', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    await rm(join(folder.path, 'cursors', 'primary.json'));
    expect(await start(OLD)).toEqual({ kind: 'back', behind: undefined });
    expect(await place()).toBeUndefined();
  });

  test('is no matter where a switch made it the primary, whichever of the two the configuration names', async () => {
    await start(OLD, 10);
    await start(THIRD, 12);
    let cursor = await Cursor.open(folder.path, 'primary');
    const choice = await PrimaryChoice.open(folder.path, THIRD, cursor);
    await choice.holdAt({ sinceMs: 1_000, until: at(20) });
    await choice.switchTo(new URL(NEW), at(18));
    for (const configured of [THIRD, NEW]) {
      cursor = await Cursor.open(folder.path, 'primary');
      const { url } = await PrimaryChoice.open(folder.path, configured, cursor);
      expect([url.origin, await start(url.origin)]).toEqual([NEW, { kind: 'same' }]);
    }
    expect(await place()).toEqual(at(18));
  });

  test('is in /health until the former one is named again, which then gets all that the other one got', async () => {
    await using rig = await Rig.start();
    await using other = await Rig.start();
    const settle = async (): Promise<void> => {
      const { seq } = rig.proxy.wal.durable;
      await until(() => (rig.proxy.primary.confirmed?.seq ?? 0) >= seq);
    };
    await rig.put('http', line(1));
    await settle();
    await rig.close();
    await rig.open({ primary: other.tsd.url });
    await rig.put('http', line(2));
    await expect
      .poll(() => rig.proxy.elsewhere.troubles)
      .toEqual([
        expect.stringContaining(`that was ${rig.tsd.url}, which has what is logged up to`),
      ]);
    await settle();
    expect(other.tsd.points.some(({ value }) => value === '1')).toBe(false);
    expect(rig.tsd.points.some(({ value }) => value === '2')).toBe(false);
    await rig.close();
    await rig.open();
    await until(() => rig.tsd.points.some(({ value }) => value === '2'));
    expect(rig.proxy.elsewhere.troubles).toEqual([]);
  });
});
