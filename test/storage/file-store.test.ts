import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fileOperations, type FileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import { tempDirectory } from '../kit/temp.ts';
import { diskError } from '../kit/wal-sink.ts';

describeObjectStore('files', async () => {
  const folder = await tempDirectory('store');
  return {
    store: new FileStore(join(folder.path, 'repository')),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

const NAME = 'lanes/x/object';
const CONTENT = Buffer.alloc(100_000, 7);

const creator = fileURLToPath(new URL('../kit/store-creator.ts', import.meta.url));

async function createIn(root: string, fatal: string): Promise<string> {
  const args = ['--import', 'tsx', creator, root, fatal];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [steps] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return steps.trim();
}

async function collect(
  names: AsyncIterable<string | { readonly name: string }>,
): Promise<string[]> {
  const all: string[] = [];
  for await (const one of names) all.push(typeof one === 'string' ? one : one.name);
  return all;
}

describe('a process killed while it creates an object', () => {
  test('leaves nothing or all of it at every step, and the next one goes on', async () => {
    await using folder = await tempDirectory('kill');
    const all = (await createIn(join(folder.path, 'whole'), '')).split(' ');
    expect(all.at(-1)).toBe('created');
    const steps = all.slice(0, -1);
    expect(steps).toEqual(
      expect.arrayContaining(['makeFolder', 'write', 'link', 'remove', 'syncFolder']),
    );
    const fatal = [...steps.map((_, index) => String(index + 1)), 'half'];
    await Promise.all(
      fatal.map(async (at) => {
        const root = join(folder.path, at);
        expect(await createIn(root, at)).not.toContain('created');
        const isLinked = Number(at) > steps.indexOf('link') + 1;
        const store = new FileStore(root);
        expect(await store.read(NAME)).toEqual(isLinked ? CONTENT : undefined);
        expect(await collect(store.list(''))).toEqual(isLinked ? [NAME] : []);
        expect(await store.create(NAME, CONTENT)).toBe(isLinked ? 'exists' : 'created');
        expect(await store.read(NAME)).toEqual(CONTENT);
      }),
    );
    const left = await collect(new FileStore(join(folder.path, 'half')).leftovers());
    expect(left).toEqual([expect.stringMatching(/^lanes\/x\/\.tmp-[0-9a-f]{16}$/)]);
  });
});

/** The real operations, of which the chosen one fails. */
function failing(operation: keyof FileOperations, code: string): FileOperations {
  return { ...fileOperations, [operation]: () => Promise.reject(diskError(code)) };
}

const denial = (path: string): string => `EACCES: permission denied, open '${path}'`;
const denied = (path: string): Promise<never> => Promise.reject(new Error(denial(path)));

describe('on a disk in trouble', () => {
  const faults = [
    ['write', 'ENOSPC'],
    ['write', 'EIO'],
    ['link', 'EIO'],
    ['makeFolder', 'EROFS'],
  ] as const;
  test.each(faults)('a %s that fails with %s is told, and nothing is left', async (step, code) => {
    await using folder = await tempDirectory('fault');
    const store = new FileStore(folder.path, failing(step, code));
    await expect(store.create(NAME, CONTENT)).rejects.toMatchObject({ code });
    const sound = new FileStore(folder.path);
    expect(await collect(sound.list(''))).toEqual([]);
    expect(await collect(sound.leftovers())).toEqual([]);
    expect(await sound.create(NAME, CONTENT)).toBe('created');
  });

  test('what fails again for the same reason says the same, by the folder and not the temporary name', async () => {
    await using folder = await tempDirectory('words');
    const store = new FileStore(folder.path, { ...fileOperations, write: denied, copy: denied });
    const inner = denial(join(folder.path, dirname(NAME)));
    await expect(store.probe()).rejects.toThrow(denial(folder.path));
    await expect(store.create(NAME, CONTENT)).rejects.toThrow(inner);
    await expect(store.createFromFile(NAME, 'file')).rejects.toThrow(inner);
  });

  test('a folder that cannot be synced fails the call; the object is whole, and the next call says so', async () => {
    await using folder = await tempDirectory('fault');
    await new FileStore(folder.path).create('lanes/x/other', CONTENT);
    let fails = false;
    const operations: FileOperations = {
      ...fileOperations,
      syncFolder: (path) =>
        fails ? Promise.reject(diskError('EIO')) : fileOperations.syncFolder(path),
      async link(path, name) {
        await fileOperations.link(path, name);
        fails = true;
      },
    };
    const store = new FileStore(folder.path, operations);
    await expect(store.create(NAME, CONTENT)).rejects.toMatchObject({ code: 'EIO' });
    // Not even `exists` is said before the name is durable.
    await expect(store.create(NAME, CONTENT)).rejects.toMatchObject({ code: 'EIO' });
    expect(await store.read(NAME)).toEqual(CONTENT);
    fails = false;
    expect(await new FileStore(folder.path).create(NAME, CONTENT)).toBe('exists');
  });

  test('a write that stops half-way leaves no object, though its rest can not be removed', async () => {
    await using folder = await tempDirectory('fault');
    const operations: FileOperations = {
      ...fileOperations,
      async write(path, content) {
        await writeFile(path, content.subarray(0, 10));
        throw diskError('ENOSPC');
      },
      remove: () => Promise.reject(diskError('EIO')),
    };
    const store = new FileStore(folder.path, operations);
    await expect(store.create(NAME, CONTENT)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await store.read(NAME)).toBeUndefined();
    expect(await collect(store.list(''))).toEqual([]);
    expect(await collect(store.leftovers())).toHaveLength(1);
  });

  test('what a crash left long ago is removed, and nothing else', async () => {
    await using folder = await tempDirectory('sweep');
    const store = new FileStore(folder.path);
    await store.create(NAME, CONTENT);
    const [old, fresh] = ['lanes/x/.tmp-0000', 'lanes/x/.tmp-1111'];
    await writeFile(join(folder.path, old), CONTENT);
    await writeFile(join(folder.path, fresh), CONTENT);
    await utimes(join(folder.path, old), 1_000, 1_000);
    await utimes(join(folder.path, NAME), 1_000, 1_000);
    const { signal } = new AbortController();
    const isWanted = (name: string): boolean => name !== dirname(old);
    expect(await store.removeLeftovers(2_000_000, signal, isWanted)).toBe(0);
    expect(await store.removeLeftovers(2_000_000, signal)).toBe(1);
    expect(await collect(store.leftovers())).toEqual([fresh]);
    expect(await store.read(NAME)).toEqual(CONTENT);
    expect(await store.removeLeftovers(2_000_000, signal)).toBe(0);
  });

  test('a source file that is not there is told', async () => {
    await using folder = await tempDirectory('fault');
    const store = new FileStore(folder.path);
    await expect(store.createFromFile(NAME, join(folder.path, 'none'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(await collect(store.leftovers())).toEqual([]);
  });
});

test('a folder that someone removed is made again', async () => {
  await using folder = await tempDirectory('gone');
  const store = new FileStore(folder.path);
  await store.create(NAME, CONTENT);
  await rm(join(folder.path, 'lanes'), { recursive: true });
  await store.create(NAME, CONTENT).catch(() => undefined);
  expect(await store.create(NAME, CONTENT)).toBeOneOf(['created', 'exists']);
  expect(await store.read(NAME)).toEqual(CONTENT);
});

describe('the probe', () => {
  test('makes the folder, and leaves nothing in it', async () => {
    await using folder = await tempDirectory('probe');
    const store = new FileStore(join(folder.path, 'a', 'b'));
    await store.probe();
    expect(await readdir(store.root)).toEqual([]);
  });

  test.each(['EPERM', 'EOPNOTSUPP'])(
    'tells a file system where link(2) fails with %s',
    async (code) => {
      await using folder = await tempDirectory('probe');
      const store = new FileStore(folder.path, failing('link', code));
      await expect(store.probe()).rejects.toMatchObject({ code });
      expect(await readdir(folder.path)).toEqual([]);
    },
  );

  test('tells one where link(2) replaces what is there', async () => {
    await using folder = await tempDirectory('probe');
    const operations: FileOperations = {
      ...fileOperations,
      link: async (path, name) => writeFile(name, await readFile(path)),
    };
    const store = new FileStore(folder.path, operations);
    await expect(store.probe()).rejects.toThrow('link(2) replaces');
  });

  test('tells a path that is a file', async () => {
    await using folder = await tempDirectory('probe');
    const path = join(folder.path, 'file');
    await writeFile(path, '');
    await expect(new FileStore(path).probe()).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

test('what is no file, or hidden, is no object', async () => {
  await using folder = await tempDirectory('strange');
  const store = new FileStore(folder.path);
  await store.create(NAME, CONTENT);
  await mkdir(join(folder.path, '.snapshot'));
  await writeFile(join(folder.path, '.snapshot', 'x'), '');
  await writeFile(join(folder.path, 'lanes', '.nfs0001'), '');
  expect(await collect(store.list(''))).toEqual([NAME]);
});
