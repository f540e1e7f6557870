import { stat } from 'node:fs/promises';

/** A file as the file system tells of it. */
export interface Leaving {
  readonly bytes: number;
  readonly ageMs: number;
}

/** Undefined when there is none. `now` in epoch ms. */
export async function lookAtFile(path: string, now: number): Promise<Leaving | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { bytes: size, ageMs: Math.max(0, now - mtimeMs) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
