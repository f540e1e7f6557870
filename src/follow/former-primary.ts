import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { earlier, type Position } from '../record/position.ts';
import { syncFolder } from '../runtime/durable-file.ts';
import { WalError } from '../runtime/errors.ts';
import type { Cursor } from '../wal/cursor.ts';
import { readChecked, writeChecked } from '../runtime/checked-json.ts';

/**
 * The OpenTSDB that a data directory fed before a start named another, which gets only what comes behind: DATA/primary-before.json. It stays
 * until that one is named again, a switch makes another one the primary, or somebody removes it, since the other one is meant. Of several it
 * is the first.
 */
export interface FormerPrimary {
  /** Its origin. */
  readonly primary: string;
  /** Up to here it surely stores everything. */
  readonly position: Position;
  /** When another one was named, epoch ms. */
  readonly until: number;
}

export const PRIMARY_BEFORE = 'primary-before.json';

export type Met =
  /** It is the one that was fed before, as far as that is known. */
  | { readonly kind: 'same' }
  /** It is another one. */
  | { readonly kind: 'other'; readonly former: FormerPrimary }
  /** It was fed before another one was, and gets what came behind this since. */
  | { readonly kind: 'back'; readonly behind: Position | undefined };

/**
 * Compares the primary of a start, by its origin, with whom the cursor's records were delivered to, and has both remembered. Call it before
 * anything is sent. Where the former one is named again the cursor goes back to its place, and then the note is removed: a crash in between
 * repeats it.
 */
export async function meetPrimary(
  data: string,
  primary: string,
  { cursor, now }: { readonly cursor: Cursor; readonly now: number },
): Promise<Met> {
  const { of, position } = cursor;
  const noted = await readNote(data);
  const former = noted ?? formerIn(cursor, primary, now);
  cursor.belongTo(primary);
  if (former?.primary === primary) {
    // Where somebody removed the cursor, all of the log is delivered again.
    const behind = earlier(position, former.position);
    if (behind !== undefined) await cursor.move(behind);
    await removeFormerPrimary(data);
    return { kind: 'back', behind };
  }
  if (former !== undefined && noted === undefined) await writeChecked(pathOf(data), former);
  if (position !== undefined && of !== primary) await cursor.move(position);
  return former === undefined ? { kind: 'same' } : { kind: 'other', former };
}

/** What `meetPrimary` would find to be another one than before; changes nothing. */
export async function lookFormer(
  data: string,
  primary: string,
  { cursor, now }: { readonly cursor: Cursor; readonly now: number },
): Promise<FormerPrimary | undefined> {
  const former = (await readNote(data)) ?? formerIn(cursor, primary, now);
  return former?.primary === primary ? undefined : former;
}

/** Undefined when there is none, or it can't be read. */
export async function readFormerPrimary(data: string): Promise<FormerPrimary | undefined> {
  return readNote(data).catch(() => undefined);
}

/** Throws DATA_UNUSABLE where it is damaged: the former one would be fed from another one's place. */
async function readNote(data: string): Promise<FormerPrimary | undefined> {
  const path = pathOf(data);
  const read = await readChecked(path);
  if (read === 'absent') return undefined;
  if (read !== 'damaged') return read as unknown as FormerPrimary;
  throw new WalError('DATA_UNUSABLE', `${path} is damaged: it cannot be told what was fed before`, {
    hint: 'Put it back from a copy. Or make sure that the configuration names the primary that is meant, and remove it.',
  });
}

export async function removeFormerPrimary(data: string): Promise<void> {
  await rm(pathOf(data), { force: true });
  await syncFolder(data);
}

function formerIn(
  { of, position }: Cursor,
  primary: string,
  now: number,
): FormerPrimary | undefined {
  if (of === undefined || of === primary || position === undefined) return undefined;
  return { primary: of, position, until: now };
}

function pathOf(data: string): string {
  return join(data, PRIMARY_BEFORE);
}
