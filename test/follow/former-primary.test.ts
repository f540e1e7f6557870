import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lookFormer, meetPrimary } from '../../src/follow/former-primary.ts';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { until } from '../kit/until.ts';
import { Rig } from './rig.ts';

const OLD = 'http://old:4242';
const NEW = 'http://new:4242';
const THIRD = 'http://third:4242';
const at = (seq: number) => ({ lane: 'a', ordinal: 1, seq });
const FORMER = { primary: OLD, position: at(10), until: 1_000 };
const SAME = { former: undefined, isBack: false };
const goesOn = (from: number) => ({ former: FORMER, isBack: false, from: at(from) });
const PRIMARY_BEFORE = 'primary-before.json';

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
  expect(seen).toEqual(met.former);
  expect(cursor.position).toEqual(met.from);
  if (seq !== undefined) await cursor.move(at(seq));
  return met;
}

const place = async () => (await Cursor.open(folder.path, 'primary')).position;

describe('a start with another primary', () => {
  test('is known, over later starts, too, until somebody says that it is meant', async () => {
    expect(await start(OLD, 10)).toMatchObject(SAME);
    expect(await start(OLD)).toMatchObject(SAME);
    expect(await start(NEW)).toEqual(goesOn(10));
    expect(await start(NEW, 15)).toEqual(goesOn(10));
    expect(await start(NEW)).toEqual(goesOn(15));
    await rm(join(folder.path, PRIMARY_BEFORE));
    expect(await start(NEW, 20)).toMatchObject(SAME);
    // What is meant now is the other one; it still stands where it stood.
    expect(await start(OLD)).toEqual({
      former: { primary: NEW, position: at(20), until: 1_000 },
      isBack: true,
      from: at(10),
    });
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
    expect(await start(OLD)).toMatchObject(SAME);
    expect(await start(NEW)).toEqual(goesOn(10));
  });

  test('is no matter while nothing was brought to the one before', async () => {
    expect(await start(OLD)).toMatchObject(SAME);
    expect(await start(NEW, 10)).toMatchObject(SAME);
    expect(await readdir(folder.path)).toEqual(['cursors']);
  });

  test('that was a slip brings the right one what came since', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    expect(await start(OLD)).toEqual({ former: undefined, isBack: true, from: at(10) });
    expect(await place()).toEqual(at(10));
    expect(await start(OLD)).toMatchObject(SAME);
  });

  test('that may itself be the right one gets what an earlier slip got', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    expect(await start(THIRD)).toEqual(goesOn(10));
  });

  test('that was fed before goes on from where it stood, whoever was fed since', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    await start(THIRD, 30);
    expect(await start(NEW, 40)).toEqual({ ...goesOn(20), isBack: true });
    expect(await start(OLD, 50)).toEqual({ former: undefined, isBack: true, from: at(10) });
    expect(await start(NEW)).toMatchObject({ isBack: true, from: at(40) });
    expect(await start(THIRD)).toMatchObject({ isBack: true, from: at(30) });
  });

  test('that was killed in between finds the same again', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    for (const primary of [OLD, THIRD]) {
      const cursor = await Cursor.open(folder.path, 'primary');
      cursor.move = () => Promise.reject(new Error('killed'));
      const met = meetPrimary(folder.path, primary, { cursor, now: 1_000 });
      await expect(met).rejects.toThrow('killed');
    }
    expect(await start(NEW)).toEqual(goesOn(20));
    expect(await start(OLD)).toEqual({ former: undefined, isBack: true, from: at(10) });
  });

  test('is new again once eight others were fed since', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    const others = Array.from({ length: 8 }, (_, index) => `http://other-${index}:4242`);
    for (const primary of others) await start(primary, 30);
    await start(OLD, 40);
    expect(await start(NEW)).toMatchObject({ isBack: false, from: at(40) });
    expect(await start(others[1] ?? '')).toMatchObject({ isBack: true, from: at(30) });
  });

  test('that was a slip sends all of the log where the cursor was removed', async () => {
    await start(OLD, 10);
    await start(NEW, 20);
    await rm(join(folder.path, 'cursors', 'primary.json'));
    expect(await start(OLD)).toEqual({ former: undefined, isBack: true, from: undefined });
    expect(await place()).toBeUndefined();
  });

  test('is no matter where a switch made it the primary, whichever of the two the configuration names', async () => {
    await start(OLD, 10);
    await start(THIRD, 12);
    let cursor = await Cursor.open(folder.path, 'primary');
    const choice = await PrimaryChoice.open(folder.path, THIRD, cursor);
    await choice.holdAt({ sinceMs: 1_000, until: at(20) });
    await choice.switchTo(new URL(NEW), at(18), { since: 1 });
    for (const configured of [THIRD, NEW]) {
      cursor = await Cursor.open(folder.path, 'primary');
      const { url } = await PrimaryChoice.open(folder.path, configured, cursor);
      expect([url.origin, await start(url.origin)]).toMatchObject([NEW, SAME]);
    }
    expect(await place()).toEqual(at(18));
    expect(await start(THIRD)).toMatchObject({ isBack: true, from: at(12) });
  });

  test('is a new one where a switch has undone something of what it had', async () => {
    await start(OLD, 10);
    const cursor = await Cursor.open(folder.path, 'primary');
    const choice = await PrimaryChoice.open(folder.path, OLD, cursor);
    await choice.holdAt({ sinceMs: 1_000, until: at(20) });
    const undone = [{ lane: 'a', from: 16, to: 20 }];
    await choice.switchTo(new URL(NEW), at(15), { since: 1, fork: { id: 'f', at: 500, undone } });
    await choice.told(2_000);
    expect(await start(OLD)).toMatchObject({ isBack: false, from: at(15) });
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

  test('that is the right one gets what a slip of the first start got, too, by what it says is to be removed', async () => {
    await using rig = await Rig.start();
    await using right = await Rig.start();
    const values = (): string[] => right.tsd.points.map(({ value }) => value);
    await rig.put('http', 'put sys.load 1780317200 1 host=b');
    await rig.confirmed();
    await rig.close();
    const stoppedAt = Date.now();
    await rig.open({ primary: right.tsd.url });
    const startedAt = Date.now();
    await rig.put('http', line(2));
    await rig.confirmed();
    expect(values()).not.toContain('1');
    await expect.poll(() => rig.proxy.elsewhere.troubles).toHaveLength(1);
    const [told = ''] = rig.proxy.elsewhere.troubles;
    const fedFrom = Date.parse(/with all that is received from (\S+) on,/.exec(told)?.[1] ?? '');
    expect(fedFrom).toBeGreaterThanOrEqual(stoppedAt);
    expect(fedFrom).toBeLessThanOrEqual(startedAt);
    const removed = /stop, remove (\S+) and (\S+), and start/.exec(told)?.slice(1) ?? [];
    expect(removed).toHaveLength(2);
    await rig.close();
    for (const path of removed) await rm(path);
    await rig.open({ primary: right.tsd.url });
    await rig.confirmed();
    expect(values()).toContain('1');
    expect(values().at(-1)).toBe('2');
    expect(rig.proxy.elsewhere.troubles).toEqual([]);
  });

  test('that comes back to a place which the log has dropped is told of the hole', async () => {
    const told: string[] = [];
    const logger = pino({}, { write: (text) => told.push(text) });
    await using rig = await Rig.start({ logger, flags: { 'wal.retention': '1s' } });
    await using other = await Rig.start();
    await rig.put('http', line(1));
    await rig.confirmed();
    await rig.close();
    await rig.open({ primary: other.tsd.url });
    await rig.put('http', line(2));
    await rig.confirmed();
    const { lane, ordinal } = rig.proxy.wal.durable;
    await rig.close();
    await rig.open({ primary: other.tsd.url });
    await until(() => rig.proxy.wal.segments.every((segment) => segment.ordinal > ordinal));
    await rig.close();
    await rig.open();
    expect(told.join('')).toContain('what came between is a hole there');
    await rig.confirmed();
    expect(rig.proxy.holes).toMatchObject([{ lane, from: 1 }]);
    expect(rig.tsd.points.some(({ value }) => value === '2')).toBe(false);
  });
});
