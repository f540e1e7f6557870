import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRepository, openRepository } from '../../src/archive/repository.ts';
import { seal, unseal } from '../../src/archive/format/sealed-json.ts';
import { readSummary } from '../../src/archive/holdings/summary.ts';
import { putBegin, putSegment } from '../kit/repository.ts';
import { fileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import { tempDirectory } from '../kit/temp.ts';
import { diskError } from '../kit/wal-sink.ts';

describe('a repository', () => {
  test('is made once, and opened from then on', async () => {
    await using folder = await tempDirectory('repository');
    const place = join(folder.path, 'r');
    await expect(openRepository(place)).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' });
    await expect(readdir(place)).rejects.toMatchObject({ code: 'ENOENT' });
    const { id } = await createRepository(place, 1_000);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(await createRepository(place, 2_000)).toMatchObject({ id, createdAt: 1_000 });
    expect(await openRepository(place)).toMatchObject({ place, id, createdAt: 1_000 });
    expect(await readdir(place)).toEqual(['repository.json']);
  });

  test('made by many at once is one', async () => {
    await using folder = await tempDirectory('repository');
    const many = Array.from({ length: 10 }, (_, n) => createRepository(folder.path, n));
    const ids = (await Promise.all(many)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(1);
  });

  test('whose file is damaged is told, and not made anew', async () => {
    await using folder = await tempDirectory('repository');
    await createRepository(folder.path, 1_000);
    const path = join(folder.path, 'repository.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('1000', '1001'));
    const damaged = { code: 'REPOSITORY_DAMAGED' };
    await expect(openRepository(folder.path)).rejects.toMatchObject(damaged);
    await expect(createRepository(folder.path, 2_000)).rejects.toMatchObject(damaged);
  });

  test('of a newer version is told as that, whichever object shows it, and not as damage', async () => {
    await using folder = await tempDirectory('repository');
    const { store } = await createRepository(folder.path, 1_000);
    const lane = '00112233445566ff';
    const span = { firstSeq: 1, lastSeq: 10, fromMs: 1_000, toMs: 2_000 };
    const begin = { lane, ordinal: 1, firstSeq: 1, openedAt: 1_000, previous: null };
    await putBegin(store, { ...begin, reason: 'start', disputed: null, host: 'h' });
    const sidecar = await putSegment(store, { lane, level: 'minute', ...span });
    const newer = { code: 'FORMAT_NEWER', hint: expect.stringContaining('Use that') as string };
    for (const name of [sidecar, `lanes/${lane}/begin.json`]) {
      const path = join(folder.path, name);
      const before = await readFile(path);
      await writeFile(path, seal({ ...unseal(before), format: 2 }));
      await expect(readSummary(store, { useIndex: true })).rejects.toMatchObject(newer);
      await writeFile(path, before);
    }
    const path = join(folder.path, 'repository.json');
    await writeFile(path, seal({ ...unseal(await readFile(path)), format: 2 }));
    await expect(openRepository(folder.path)).rejects.toMatchObject(newer);
    await expect(createRepository(folder.path, 2_000)).rejects.toMatchObject(newer);
  });

  test('on a file system without hard links is refused before anything is written', async () => {
    await using folder = await tempDirectory('repository');
    const store = new FileStore(folder.path, {
      ...fileOperations,
      link: () => Promise.reject(diskError('EPERM')),
    });
    await expect(createRepository(folder.path, 1_000, store)).rejects.toMatchObject({
      code: 'REPOSITORY_UNUSABLE',
      hint: expect.stringContaining('archive: off') as string,
    });
    expect(await readdir(folder.path)).toEqual([]);
  });
});
