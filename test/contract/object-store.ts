import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { tempDirectory } from '../kit/temp.ts';

export interface OpenedStore extends AsyncDisposable {
  readonly store: ObjectStore;
}

const bytes = (text: string) => Buffer.from(text);
const namesOf = async (store: ObjectStore, prefix: string, after?: string): Promise<string[]> => {
  const names: string[] = [];
  for await (const info of store.list(prefix, after)) names.push(info.name);
  return names;
};

/** What every object store promises. `open` gives an empty one. */
export function describeObjectStore(kind: string, open: () => Promise<OpenedStore>): void {
  describe(`the object store on ${kind}`, () => {
    test('gives back what was created, byte for byte', async () => {
      await using opened = await open();
      const { store } = opened;
      const content = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7) & 0xff));
      expect(await store.create('a/b/c.bin', content)).toBe('created');
      expect(await store.create('a/empty', Buffer.alloc(0))).toBe('created');
      expect(await store.read('a/b/c.bin')).toEqual(content);
      expect(await store.read('a/empty')).toEqual(Buffer.alloc(0));
      expect(await namesOf(store, 'a')).toEqual(['a/b/c.bin', 'a/empty']);
    });

    test('takes the content of a local file, and gives a local file with the content', async () => {
      await using opened = await open();
      await using folder = await tempDirectory('store');
      const { store } = opened;
      const source = join(folder.path, 'source');
      await writeFile(source, 'from a file');
      expect(await store.createFromFile('x/y', source)).toBe('created');
      await writeFile(source, 'changed later');
      expect(await store.createFromFile('x/y', source)).toBe('exists');
      expect(await store.read('x/y')).toEqual(bytes('from a file'));
      const path = await store.localPath('x/y');
      expect(path && (await readFile(path, 'utf8'))).toBe('from a file');
    });

    test('never overwrites: a name that is taken stays as it was', async () => {
      await using opened = await open();
      const { store } = opened;
      await store.create('a', bytes('first'));
      expect(await store.create('a', bytes('second'))).toBe('exists');
      expect(await store.create('a', bytes('first'))).toBe('exists');
      expect(await store.read('a')).toEqual(bytes('first'));
    });

    test('lets exactly one of many at once create a name, whole', async () => {
      await using opened = await open();
      const { store } = opened;
      const contents = Array.from({ length: 20 }, (_, n) => Buffer.alloc(100_000, n));
      const outcomes = await Promise.all(contents.map((content) => store.create('new/n', content)));
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
      expect(await store.read('new/n')).toEqual(contents[outcomes.indexOf('created')]);
    });

    test('says undefined of what is not there, and lists nothing', async () => {
      await using opened = await open();
      const { store } = opened;
      await store.create('a/b', bytes(''));
      for (const absent of ['b', 'a', 'a/b/c', 'a/bc']) {
        expect(await store.read(absent)).toBeUndefined();
        expect(await store.localPath(absent)).toBeUndefined();
      }
      expect(await namesOf(store, 'nothing/here')).toEqual([]);
    });

    test('removes an object, once and again, and its name can be created anew', async () => {
      await using opened = await open();
      const { store } = opened;
      await store.create('a/b', bytes('1'));
      await store.remove('a/b');
      await store.remove('a/b');
      await store.remove('never/was');
      expect(await store.read('a/b')).toBeUndefined();
      expect(await namesOf(store, '')).toEqual([]);
      expect(await store.create('a/b', bytes('2'))).toBe('created');
    });

    test('lists in byte order, by whole segments of the prefix, what comes after `after`', async () => {
      const word = fc.constantFrom('a', 'a-', 'a0', 'a.b', 'ab', 'b', 'B', '_', '0');
      const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('/'));
      // A name can't be another one's folder.
      const names = fc
        .uniqueArray(name, { maxLength: 12 })
        .map((all) => all.filter((one) => !all.some((other) => other.startsWith(`${one}/`))));
      await fc.assert(
        fc.asyncProperty(names, name, fc.option(name), async (created, prefix, after) => {
          await using opened = await open();
          const { store } = opened;
          for (const one of created) await store.create(one, bytes(one));
          const sorted = created.toSorted();
          const later = sorted.filter((one) => after === null || one > after);
          const asked = after === null ? undefined : after;
          expect(await namesOf(store, '', asked)).toEqual(later);
          const below = later.filter((one) => one.startsWith(`${prefix}/`));
          expect(await namesOf(store, prefix, asked)).toEqual(below);
        }),
        { numRuns: 60 },
      );
    });

    test('tells what is right below a prefix: objects, and each folder once', async () => {
      await using opened = await open();
      const { store } = opened;
      for (const name of ['a/b/1', 'a/b/2', 'a/b-', 'a/c', 'ab/d', 'a/b0/x/y']) {
        await store.create(name, bytes(name));
      }
      const below: string[] = [];
      for await (const { name, isFolder } of store.children('a')) {
        below.push(isFolder ? `${name}/` : name);
      }
      expect(below).toEqual(['a/b-', 'a/b/', 'a/b0/', 'a/c']);
      for await (const { name } of store.children('nothing')) expect(name).toBeUndefined();
    });

    test('lists more than a page, in order', async () => {
      await using opened = await open();
      const { store } = opened;
      const names = Array.from({ length: 1_200 }, (_, n) => `many/${String(n).padStart(5, '0')}`);
      for (let at = 0; at < names.length; at += 50) {
        await Promise.all(names.slice(at, at + 50).map((one) => store.create(one, bytes(''))));
      }
      expect(await namesOf(store, 'many')).toEqual(names);
      expect(await namesOf(store, 'many', names[999])).toEqual(names.slice(1_000));
    });
  });
}
