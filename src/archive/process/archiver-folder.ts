import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The archiver's own, below a data directory: its lock, and what it makes. */
export function archiverFolder(data: string): string {
  return join(data, 'archiver');
}

/** Is there when the last archiver was run by itself, and not by a proxy. */
export function archiverMark(data: string): string {
  return join(archiverFolder(data), 'apart');
}

/** Call with the lock. Where it can't be written nothing but a second look of a proxy is missed: never rejects. */
export async function markArchiver(data: string, isApart: boolean): Promise<void> {
  const mark = archiverMark(data);
  await (isApart ? writeFile(mark, '') : rm(mark, { force: true })).catch(() => undefined);
}
