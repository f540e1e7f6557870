import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { parseObjectName } from '../../../src/archive/format/object-names.ts';
import type { Repository } from '../../../src/archive/repository.ts';

const HARMS = ['data gone', 'data other', 'data cut', 'sidecar gone', 'sidecar other'] as const;
export type Harm = (typeof HARMS)[number];

/** What is done to some segments of a repository, one after the other, over and over. */
export const harms = fc.array(fc.option(fc.constantFrom(...HARMS), { freq: 2, nil: undefined }), {
  minLength: 1,
  maxLength: 7,
});

/** Sidecars that are committed, in order. */
export async function sidecarsOf({ store }: Repository): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list('lanes')) {
    if (parseObjectName(name)?.kind === 'sidecar') names.push(name);
  }
  return names;
}

/** Does something to the objects of committed segments, by their place in the order of names. What it returns puts them back. */
export async function harmSegments(
  repository: Repository,
  harmOf: (index: number, sidecar: string) => Harm | undefined,
): Promise<() => Promise<void>> {
  const whole = new Map<string, Buffer>();
  for (const [index, name] of (await sidecarsOf(repository)).entries()) {
    const harm = harmOf(index, name);
    if (harm === undefined) continue;
    const sidecar = join(repository.store.root, name);
    const stem = basename(name, '.json');
    const data = (await readdir(dirname(sidecar))).find(
      (file) => file.startsWith(stem) && file.endsWith('.parquet'),
    );
    const isSidecar = harm.startsWith('sidecar');
    // What has no rows has no data.
    if (!isSidecar && data === undefined) continue;
    const path = isSidecar ? sidecar : join(dirname(sidecar), data ?? '');
    whole.set(path, await readFile(path));
    await harmFile(path, harm);
  }
  return async () => {
    for (const [path, bytes] of whole) await writeFile(path, bytes);
  };
}

async function harmFile(path: string, harm: Harm): Promise<void> {
  if (harm.endsWith('gone')) return rm(path);
  const bytes = await readFile(path);
  if (harm.endsWith('cut')) return writeFile(path, bytes.subarray(0, -1));
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  return writeFile(path, bytes);
}
