import type { Position } from '../../record/position.ts';
import { Cursor } from '../../wal/cursor.ts';

/** The name of the archiver's cursor, which counts for the repository that DATA/archive.json names. */
export const ARCHIVE_CURSOR = 'archive';

/** Up to where the log has been archived, wherever to: so far it reached once. Undefined when that can't be told. */
export async function archivedBefore(data: string): Promise<Position | undefined> {
  const cursor = await Cursor.open(data, ARCHIVE_CURSOR).catch(() => undefined);
  return cursor?.position;
}
