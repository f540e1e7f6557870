import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { writeChecked } from '../../src/runtime/checked-json.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';

const OLD = 'http://old:4242';
const NEW = 'http://new:4242';
const THIRD = 'http://third:4242';
const at = (seq: number) => ({ lane: 'a', ordinal: 1, seq });
const HOLD = { sinceMs: 1_000, until: at(20) };

let folder: TempDirectory;
let cursor: Cursor;

beforeEach(async () => {
  folder = await tempDirectory('choice');
  cursor = await Cursor.open(folder.path, 'primary');
  await cursor.move(at(10));
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A start, with a configuration that names this one. */
async function open(primary: string): Promise<PrimaryChoice> {
  cursor = await Cursor.open(folder.path, 'primary');
  return PrimaryChoice.open(folder.path, primary, cursor);
}

async function files(): Promise<readonly string[]> {
  return (await readdir(folder.path)).filter((name) => name === 'primary-choice.json');
}

async function switchedToNew(): Promise<PrimaryChoice> {
  const choice = await open(OLD);
  await choice.holdAt(HOLD);
  await choice.switchTo(new URL(NEW), at(18), { since: 18 });
  return choice;
}

describe('the primary', () => {
  test('is the one that is configured, and nothing is kept, while nothing else was decided', async () => {
    const choice = await open(`${OLD}/`);
    expect(choice.url.origin).toBe(OLD);
    expect([choice.hold, choice.misnamed, choice.isOpen]).toEqual([undefined, undefined, false]);
    expect(await files()).toEqual([]);
  });

  test('stays held over starts, whatever is configured then, until it is released', async () => {
    await (await open(OLD)).holdAt(HOLD);
    expect((await open(OLD)).hold).toEqual(HOLD);
    const misled = await open(NEW);
    expect([misled.url.origin, misled.hold]).toEqual([OLD, HOLD]);
    // It may be meant, though it is not fed by a release.
    expect(misled.misnamed).toEqual({ primary: OLD, configured: NEW, isNext: true });
    expect(await PrimaryChoice.look(folder.path, NEW)).toMatchObject({
      misnamed: { isNext: true },
    });
    await (await open(OLD)).release();
    expect(await files()).toEqual([]);
    expect([(await open(OLD)).hold, cursor.position]).toEqual([undefined, at(10)]);
  });

  test('released is not silently another one because the configuration names that', async () => {
    await (await open(OLD)).holdAt(HOLD);
    await (await open(NEW)).release();
    await expect(open(NEW)).rejects.toThrow(`feeds ${OLD}, and the configuration names ${NEW}`);
    expect((await open(OLD)).url.origin).toBe(OLD);
    expect(await files()).toEqual([]);
  });

  test('is another one after a switch, from its own place on, also while the old one is configured', async () => {
    const choice = await switchedToNew();
    expect([choice.url.origin, choice.hold]).toEqual([NEW, undefined]);
    expect(choice.misnamed).toEqual({ primary: NEW, configured: OLD, isNext: false });
    const again = await open(OLD);
    expect([again.url.origin, again.hold]).toEqual([NEW, undefined]);
    await again.holdAt(HOLD);
    expect((await open(OLD)).misnamed).toMatchObject({ configured: OLD, isNext: false });
    expect(cursor.position).toEqual(at(18));
  });

  test('needs no file any more once the configuration names it', async () => {
    await switchedToNew();
    const choice = await open(NEW);
    expect([choice.url.origin, choice.misnamed]).toEqual([NEW, undefined]);
    expect(await files()).toEqual([]);
    expect(cursor.position).toEqual(at(18));
  });

  test('is not a third one: the start says what to do', async () => {
    expect((await PrimaryChoice.look(folder.path, THIRD)).misnamed).toBeUndefined();
    await switchedToNew();
    await expect(PrimaryChoice.look(folder.path, THIRD)).rejects.toThrow(`feeds ${NEW}`);
    expect(await PrimaryChoice.look(folder.path, OLD)).toMatchObject({
      misnamed: { primary: NEW },
    });
    expect((await PrimaryChoice.look(folder.path, NEW)).misnamed).toBeUndefined();
    await expect(open(THIRD)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`feeds ${NEW}, in place of ${OLD}`) as string,
      hint: expect.stringContaining(`Set primary to ${NEW}`) as string,
    });
  });

  test('may be switched on and back again', async () => {
    const choice = await switchedToNew();
    await choice.holdAt(HOLD);
    await choice.switchTo(new URL(THIRD), at(19), { since: 19 });
    for (const configured of [OLD, NEW]) expect((await open(configured)).url.origin).toBe(THIRD);
    const back = await open(OLD);
    await back.holdAt(HOLD);
    await back.switchTo(new URL(OLD), at(20), { since: 20 });
    expect([back.url.origin, cursor.position]).toEqual([OLD, at(20)]);
    expect(await files()).toEqual([]);
  });

  test('gets nothing from the place of the other one, wherever a switch was cut off', async () => {
    const choice = await open(OLD);
    await choice.holdAt(HOLD);
    // The cursor can't be moved: as if the process ended before that.
    cursor.move = () => Promise.reject(new Error('the disk is full'));
    await expect(choice.switchTo(new URL(NEW), at(18), { since: 18 })).rejects.toThrow(
      'the disk is full',
    );
    expect([choice.url.origin, choice.isOpen, cursor.position]).toEqual([NEW, true, at(10)]);
    const next = await open(OLD);
    expect([next.url.origin, next.isOpen, cursor.position]).toEqual([NEW, false, at(18)]);
    // Later starts leave the cursor where it is by then.
    await cursor.move(at(30));
    await open(OLD);
    expect(cursor.position).toEqual(at(30));
  });

  test('counts since it was switched to, and for no other one', async () => {
    await switchedToNew();
    expect((await open(NEW)).term).toEqual({ since: 18, primary: NEW });
    const choice = await open(NEW);
    choice.heard.note({ since: 20, primary: OLD });
    await choice.saveHeard();
    await choice.take({ since: 17, primary: NEW });
    const again = await open(NEW);
    expect([again.term, again.said]).toEqual([
      { since: 18, primary: NEW },
      { since: 20, primary: OLD },
    ]);
    expect((await open(OLD)).term).toBeUndefined();
  });

  test('is known to a start that names the former again, though nobody else says it', async () => {
    await switchedToNew();
    await open(NEW);
    const { term, said, heard } = await open(OLD);
    expect([term, said, heard.any]).toEqual([undefined, { since: 18, primary: NEW }, said]);
  });

  test('is read from a directory of an earlier version', async () => {
    const hold = { primary: OLD, insteadOf: [], hold: HOLD, begin: null };
    await writeChecked(join(folder.path, 'primary-choice.json'), hold);
    const choice = await open(OLD);
    expect([choice.hold, choice.fork, choice.term]).toEqual([HOLD, undefined, undefined]);
  });

  test('is not guessed from a damaged file', async () => {
    await switchedToNew();
    const path = join(folder.path, 'primary-choice.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('new', 'odd'));
    await expect(open(OLD)).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
  });
});
