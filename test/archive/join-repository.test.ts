import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { archivedBefore } from '../../src/archive/write/archive-cursor.ts';
import { readArchiveHome, writeArchiveHome } from '../../src/archive/write/archive-home.ts';
import { formerHome } from '../../src/archive/write/former-home.ts';
import { joinForTopic, joinRepository } from '../../src/archive/write/join-repository.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { tempDirectory } from '../kit/temp.ts';

const LANE = '00112233445566ff';
const POSITION = { lane: LANE, ordinal: 1, seq: 5 };

/** As after the first lane was registered and archived. */
async function archiveTo(data: string, place: string): Promise<string> {
  const { repository } = await joinRepository(data, place, 1_000);
  await writeArchiveHome(data, {
    repository: repository.id,
    place,
    newest: { lane: LANE, ordinal: 1 },
  });
  await (await Cursor.open(data, 'archive')).move(POSITION);
  return repository.id;
}

describe('a data directory that joins a repository', () => {
  test('makes it the first time, and goes on with it from then on', async () => {
    await using folder = await tempDirectory('join');
    const place = join(folder.path, 'repository');
    expect((await joinRepository(folder.path, place, 1_000)).history).toBe('none');
    const id = await archiveTo(folder.path, place);
    const again = await joinRepository(folder.path, place, 1_000);
    expect(again).toMatchObject({ history: 'known', repository: { id, place } });
    expect(await archivedBefore(folder.path)).toEqual(POSITION);
  });

  test('goes on with one that was moved', async () => {
    await using folder = await tempDirectory('join');
    const id = await archiveTo(folder.path, join(folder.path, 'here'));
    await rename(join(folder.path, 'here'), join(folder.path, 'there'));
    const moved = await joinRepository(folder.path, join(folder.path, 'there'), 1_000);
    expect(moved).toMatchObject({ history: 'known', repository: { id } });
    expect(await archivedBefore(folder.path)).toEqual(POSITION);
  });

  test('begins anew in another, with the cursor gone', async () => {
    await using folder = await tempDirectory('join');
    await archiveTo(folder.path, join(folder.path, 'here'));
    const other = await joinRepository(folder.path, join(folder.path, 'there'), 1_000);
    expect(other.history).toBe('other');
    expect(await archivedBefore(folder.path)).toBeUndefined();
  });

  test('remembers the one before until that is named again', async () => {
    await using folder = await tempDirectory('join');
    const [here, there, third] = ['here', 'there', 'third'].map((name) => join(folder.path, name));
    const id = await archiveTo(folder.path, here ?? '');
    expect(await formerHome(folder.path).read()).toBeUndefined();
    await archiveTo(folder.path, there ?? '');
    const before = { repository: id, place: here, until: 1_000 };
    expect(await formerHome(folder.path).read()).toEqual(before);
    // Each start says the same, and so does one with a third.
    await archiveTo(folder.path, there ?? '');
    await archiveTo(folder.path, third ?? '');
    expect(await formerHome(folder.path).read()).toEqual(before);
    // A start that ends before its lane is registered has not gone back.
    for (const _ of ['killed', 'again']) {
      expect((await joinRepository(folder.path, here ?? '', 1_000)).history).toBe('back');
      expect(await formerHome(folder.path).read()).toEqual(before);
    }
    await archiveTo(folder.path, here ?? '');
    expect((await joinRepository(folder.path, here ?? '', 1_000)).history).toBe('known');
    expect(await formerHome(folder.path).read()).toBeUndefined();
  });

  test('that was named another one, and nothing came there, is as before', async () => {
    await using folder = await tempDirectory('join');
    await archiveTo(folder.path, join(folder.path, 'here'));
    await joinRepository(folder.path, join(folder.path, 'there'), 1_000);
    expect((await joinRepository(folder.path, join(folder.path, 'here'), 1_000)).history).toBe(
      'known',
    );
    expect(await formerHome(folder.path).read()).toBeUndefined();
  });

  test('is refused where it cannot be told which one it was archived to before', async () => {
    await using folder = await tempDirectory('join');
    await archiveTo(folder.path, join(folder.path, 'here'));
    await writeFile(join(folder.path, 'archive-before.json'), 'spoilt');
    await expect(
      joinRepository(folder.path, join(folder.path, 'there'), 1_000),
    ).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
    await expect(stat(join(folder.path, 'there'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await archivedBefore(folder.path)).toEqual(POSITION);
  });

  test('believes no cursor whose repository it does not know', async () => {
    await using folder = await tempDirectory('join');
    const place = join(folder.path, 'repository');
    await archiveTo(folder.path, place);
    await writeFile(join(folder.path, 'archive.json'), 'torn');
    expect((await joinRepository(folder.path, place, 1_000)).history).toBe('none');
    expect(await archivedBefore(folder.path)).toBeUndefined();
  });

  test('makes no new one where its own is gone, as in a share that is not mounted', async () => {
    await using folder = await tempDirectory('join');
    const place = join(folder.path, 'repository');
    await archiveTo(folder.path, place);
    await rename(place, `${place}-away`);
    await expect(joinRepository(folder.path, place, 1_000)).rejects.toMatchObject({
      code: 'REPOSITORY_MISSING',
      hint: expect.stringMatching(/^Is its share not mounted\? Mount it/) as string,
    });
    await expect(stat(place)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await archivedBefore(folder.path)).toEqual(POSITION);
    await rename(`${place}-away`, place);
    expect((await joinRepository(folder.path, place, 1_000)).history).toBe('known');
    await rm(place, { recursive: true });
    await rm(join(folder.path, 'archive.json'));
    expect((await joinRepository(folder.path, place, 1_000)).history).toBe('none');
  });
});

describe('an archiver of a topic that joins a repository', () => {
  test('knows it from the first time on, and makes no new one where it is gone', async () => {
    await using folder = await tempDirectory('join');
    const place = join(folder.path, 'repository');
    const { repository, history } = await joinForTopic(folder.path, place, 1_000);
    expect(history).toBe('none');
    expect((await joinForTopic(folder.path, place, 1_000)).history).toBe('known');
    await rename(place, `${place}-away`);
    await expect(joinForTopic(folder.path, place, 1_000)).rejects.toMatchObject({
      code: 'REPOSITORY_MISSING',
    });
    await expect(stat(place)).rejects.toMatchObject({ code: 'ENOENT' });
    // Also where it was moved to.
    const moved = await joinForTopic(folder.path, `${place}-away`, 1_000);
    expect(moved).toMatchObject({ history: 'known', repository: { id: repository.id } });
    await rm(`${place}-away`, { recursive: true });
    await expect(joinForTopic(folder.path, `${place}-away`, 1_000)).rejects.toMatchObject({
      code: 'REPOSITORY_MISSING',
    });
  });

  test('remembers the one before until that is named again', async () => {
    await using folder = await tempDirectory('join');
    const [here = '', there = ''] = ['here', 'there'].map((name) => join(folder.path, name));
    const { repository } = await joinForTopic(folder.path, here, 1_000);
    expect((await joinForTopic(folder.path, there, 2_000)).history).toBe('other');
    const before = { repository: repository.id, place: here, until: 2_000 };
    expect((await joinForTopic(folder.path, there, 3_000)).history).toBe('known');
    expect(await formerHome(folder.path).read()).toEqual(before);
    expect((await joinForTopic(folder.path, here, 4_000)).history).toBe('back');
    expect(await formerHome(folder.path).read()).toBeUndefined();
    expect((await joinForTopic(folder.path, here, 4_000)).history).toBe('known');
  });

  test('leaves what is known of a log that was archived there', async () => {
    await using folder = await tempDirectory('join');
    const place = join(folder.path, 'repository');
    await archiveTo(folder.path, place);
    await joinForTopic(folder.path, place, 1_000);
    expect(await readArchiveHome(folder.path)).toMatchObject({
      place,
      newest: { lane: LANE, ordinal: 1 },
    });
    expect(await archivedBefore(folder.path)).toEqual(POSITION);
  });
});
