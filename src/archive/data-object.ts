import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ObjectStore } from '../storage/object-store.ts';
import { lookAtFile } from './write/leaving.ts';
import type { DataObject } from './format/sidecar.ts';

/** What was found of an object that its sidecar names; `bytes`: so many. */
export type DataCheck =
  /** Every byte is what was written; `path` is a local file with them. */
  | { readonly kind: 'whole'; readonly path: string; readonly bytes: number }
  | { readonly kind: 'missing' | 'damaged'; readonly reason: string; readonly bytes: number };

const CHUNK_BYTES = 1024 * 1024;

/** Reads all of it. Rejects only when `signal` aborts, or for a fault that is not the object's. */
export async function checkDataObject(
  store: ObjectStore,
  { object, bytes, sha256 }: DataObject,
  signal?: AbortSignal,
): Promise<DataCheck> {
  const hash = createHash('sha256');
  let found = 0;
  try {
    const path = await store.localPath(object);
    if (path === undefined) return missing(object);
    const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    const take = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of chunks) {
        signal?.throwIfAborted();
        found += chunk.length;
        hash.update(chunk);
      }
    };
    await pipeline(stream, take);
    if (found !== bytes) return damaged(`${object} has ${found} bytes instead of ${bytes}`, found);
    if (hash.digest('hex') !== sha256) return damaged(`${object} is not what was written`, found);
    return { kind: 'whole', path, bytes };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return damaged(`${object} cannot be read: ${(error as Error).message}`, found);
  }
}

/** What a sidecar says of a local file. */
export async function measureFile(
  path: string,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash);
  const { size: bytes } = await stat(path);
  return { bytes, sha256: hash.digest('hex') };
}

/** Looks at its size only. */
export async function checkDataSize(
  store: ObjectStore,
  { object, bytes }: Pick<DataObject, 'object' | 'bytes'>,
): Promise<DataCheck> {
  const path = await store.localPath(object);
  const found = path === undefined ? undefined : (await lookAtFile(path, 0))?.bytes;
  if (path === undefined || found === undefined) return missing(object);
  return found === bytes
    ? { kind: 'whole', path, bytes }
    : damaged(`${object} has ${found} bytes instead of ${bytes}`, found);
}

/** Whether the disk does not give back what is there: damage, not a fault of whoever reads. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EIO';
}

function missing(object: string): DataCheck {
  return { kind: 'missing', reason: `${object} is gone`, bytes: 0 };
}

function damaged(reason: string, bytes: number): DataCheck {
  return { kind: 'damaged', reason, bytes };
}
