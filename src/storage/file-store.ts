import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { assert } from '../runtime/errors.ts';
import { tellingFolder } from '../runtime/random-name.ts';
import { fileOperations, type FileOperations } from './file-operations.ts';
import type { ChildInfo, ObjectInfo, ObjectStore } from './object-store.ts';

/** In half the time of the one of `node:fs/promises`. */
const readWhole = promisify(readFile);

/** How the names of temporary files begin; a crash may leave one. */
const TEMPORARY_PREFIX = '.tmp-';

/**
 * Objects as files below a root folder, on a local disk or a network file system.
 *
 * Creating: a temporary file in the object's folder, write, fsync; link(2) to the name, which one of several
 * succeeds in; unlink the temporary name; fsync the folder. A crash before the link leaves a temporary file that
 * no listing shows, a crash after it the whole object under its name, perhaps with the temporary name beside it.
 */
export class FileStore implements ObjectStore {
  readonly root: string;
  readonly #operations: FileOperations;
  /** Folders that are known to be there, and durably so. */
  readonly #folders = new Set<string>();

  constructor(root: string, operations: FileOperations = fileOperations) {
    this.root = resolve(root);
    this.#operations = operations;
  }

  create(name: string, content: Uint8Array): Promise<'created' | 'exists'> {
    return this.#create(name, (temporary) => this.#operations.write(temporary, content));
  }

  createFromFile(name: string, path: string): Promise<'created' | 'exists'> {
    return this.#create(name, (temporary) => this.#operations.copy(temporary, path));
  }

  async read(name: string): Promise<Buffer | undefined> {
    return orUndefined(readWhole(this.#pathOf(name)));
  }

  async localPath(name: string): Promise<string | undefined> {
    const path = this.#pathOf(name);
    const found = await orUndefined(stat(path));
    return found?.isFile() === true ? path : undefined;
  }

  list(prefix: string, after = ''): AsyncIterable<ObjectInfo> {
    return this.#walk(prefix, after);
  }

  async *children(prefix: string): AsyncGenerator<ChildInfo> {
    for (const { name, isFolder } of (await this.#namesIn(prefix, '')).toReversed()) {
      yield { name, isFolder };
    }
  }

  async remove(name: string): Promise<void> {
    const path = this.#pathOf(name);
    await this.#operations.remove(path);
    await orUndefined(this.#operations.syncFolder(dirname(path)));
  }

  /** Tries on the disk what `create` rests on; rejects with what went wrong. Makes the root folder. */
  async probe(): Promise<void> {
    await this.#ensureFolder(this.root);
    const first = this.#temporaryIn(this.root);
    const second = this.#temporaryIn(this.root);
    try {
      await this.#operations.write(first, Buffer.alloc(0));
      await this.#operations.link(first, second);
      const again = await this.#link(first, second);
      if (again !== 'exists') throw new Error('link(2) replaces a file that is there');
      await this.#operations.syncFolder(this.root);
    } catch (error) {
      throw tellingFolder(error, first, second);
    } finally {
      await this.#removeQuietly(first);
      await this.#removeQuietly(second);
    }
  }

  /** Names of files left by a crash in the middle of a write, or in use by one that is under way. */
  async *leftovers(
    folder = '',
    isWanted: (folder: string) => boolean = () => true,
  ): AsyncGenerator<string> {
    if (!isWanted(folder)) return;
    for (const entry of await this.#entriesOf(folder)) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && NAME.test(entry.name)) yield* this.leftovers(name, isWanted);
      else if (entry.name.startsWith(TEMPORARY_PREFIX)) yield name;
    }
  }

  /** Removes those in folders that are wanted which nobody has written to since then, epoch ms, and returns how many. */
  async removeLeftovers(
    since: number,
    signal: AbortSignal,
    isWanted?: (folder: string) => boolean,
  ): Promise<number> {
    let removed = 0;
    for await (const name of this.leftovers('', isWanted)) {
      if (signal.aborted) break;
      const path = join(this.root, name);
      const found = await orUndefined(stat(path));
      if (found === undefined || found.mtimeMs >= since) continue;
      await this.#operations.remove(path);
      removed += 1;
    }
    return removed;
  }

  async #create(
    name: string,
    fill: (temporary: string) => Promise<void>,
  ): Promise<'created' | 'exists'> {
    const path = this.#pathOf(name);
    const folder = dirname(path);
    await this.#ensureFolder(folder);
    const temporary = this.#temporaryIn(folder);
    try {
      await fill(temporary);
      const outcome = await this.#link(temporary, path);
      await this.#operations.remove(temporary);
      // Also for `exists`: the winner may not have come that far, and ours is built on it.
      await this.#operations.syncFolder(folder);
      return outcome;
    } catch (error) {
      // The folder may have been removed by someone else: it is made anew at the next try.
      this.#folders.delete(folder);
      await this.#removeQuietly(temporary);
      throw tellingFolder(error, temporary);
    }
  }

  async #link(path: string, name: string): Promise<'created' | 'exists'> {
    try {
      await this.#operations.link(path, name);
      return 'created';
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'exists';
      throw error;
    }
  }

  /** Also one that is there is made durable once: who made it may have died before that. */
  async #ensureFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await this.#operations.makeFolder(folder);
    if (folder !== this.root) {
      await this.#ensureFolder(dirname(folder));
      await this.#operations.syncFolder(dirname(folder));
    }
    if (this.#folders.size >= FOLDERS_MAX) this.#folders.clear();
    this.#folders.add(folder);
  }

  /** What could not be done is the caller's to tell; a file left behind does no harm. */
  async #removeQuietly(path: string): Promise<void> {
    await this.#operations.remove(path).catch(() => undefined);
  }

  /** Depth first, in the order of names; a folder is read when its turn comes. */
  async *#walk(prefix: string, after: string): AsyncGenerator<ObjectInfo> {
    // The next is at the end.
    const stack: { readonly name: string; readonly isFolder: boolean }[] = [
      { name: prefix, isFolder: true },
    ];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (next.isFolder) {
        for (const entry of await this.#namesIn(next.name, after)) stack.push(entry);
      } else yield { name: next.name };
    }
  }

  /** Those that may be after `after`, the last first. */
  async #namesIn(folder: string, after: string) {
    return (
      (await this.#entriesOf(folder))
        .filter((entry) => !entry.name.startsWith('.') && (entry.isFile() || entry.isDirectory()))
        .map((entry) => {
          const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
          const isFolder = entry.isDirectory();
          return { name, isFolder, key: isFolder ? `${name}/` : name };
        })
        // A folder that is only the beginning of `after` may hold names after it.
        .filter(({ key, isFolder }) => key > after || (isFolder && after.startsWith(key)))
        .toSorted((a, b) => (a.key < b.key ? 1 : -1))
    );
  }

  async #entriesOf(folder: string) {
    const path = folder === '' ? this.root : this.#pathOf(folder);
    return (await orUndefined(readdir(path, { withFileTypes: true }))) ?? [];
  }

  #temporaryIn(folder: string): string {
    return join(folder, TEMPORARY_PREFIX + randomBytes(8).toString('hex'));
  }

  #pathOf(name: string): string {
    assert(NAME.test(name), `${name} is a name of an object`);
    return join(this.root, name);
  }
}

const FOLDERS_MAX = 1_000;

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

const NOT_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** Undefined when what is asked for is not there. */
async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (NOT_THERE.has(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
