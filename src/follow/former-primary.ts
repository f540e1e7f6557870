import type { Position } from '../record/position.ts';
import { type Former, FormerNote } from '../runtime/former-note.ts';
import type { Cursor } from '../wal/cursor.ts';
import { type PrimaryPlace, readPlaces, removePlaces, writePlace } from './primary-places.ts';

/** The OpenTSDB that a data directory fed before a start named another. */
export interface FormerPrimary extends PrimaryPlace, Former {}

/** What a start finds of the primary that it names. */
export interface Met {
  /** Another one was fed before, and may be the one that is meant; undefined: none was. */
  readonly former: FormerPrimary | undefined;
  /** It was fed before another one was, and goes on from where it stood then. */
  readonly isBack: boolean;
  /** It is fed from after here on; undefined: from the oldest record of the log. */
  readonly from: Position | undefined;
}

/** DATA/primary-before.json. A switch ends it, too. */
export function formerPrimary(data: string): FormerNote<FormerPrimary> {
  return new FormerNote(data, 'primary-before.json', 'primary');
}

/**
 * Compares the primary of a start, by its origin, with whom the cursor's records were delivered to, and has both remembered. Call it before
 * anything is sent. One that was fed before goes on from where it stood then; another one from where the former stands that is noted, so that
 * it gets what a slip got meanwhile.
 *
 * Order: the place of the one that is left, the note of the former, the cursor, and the end of the note where that one is named. The cursor
 * says whose it is, so that after a crash in between the next start finds what this one did.
 */
export async function meetPrimary(
  data: string,
  primary: string,
  { cursor, now }: { readonly cursor: Cursor; readonly now: number },
): Promise<Met> {
  const { of } = cursor;
  const left = leftFor(primary, cursor);
  const known = await readKnown(data);
  const met = meet(primary, { ...known, cursor, now });
  const note = formerPrimary(data);
  if (left !== undefined) await writePlace(data, left);
  if (met.former !== undefined && known.noted === undefined) await note.write(met.former);
  cursor.belongTo(primary);
  if (met.from !== undefined && of !== primary) await cursor.move(met.from);
  if (known.noted?.primary === primary) await note.remove();
  return met;
}

/** What `meetPrimary` would find to be another one than before; changes nothing. Throws as it does. */
export async function lookFormer(
  data: string,
  primary: string,
  { cursor, now }: { readonly cursor: Cursor; readonly now: number },
): Promise<FormerPrimary | undefined> {
  return meet(primary, { ...(await readKnown(data)), cursor, now }).former;
}

/**
 * This one is made the primary by a switch: who was fed before is no matter any more. Call it before the cursor is moved. `isFork`: those that
 * were left have what is undone by it, so none of them can go on from where it stood.
 */
export async function leaveBySwitch(
  data: string,
  primary: string,
  { cursor, isFork }: { readonly cursor: Cursor; readonly isFork: boolean },
): Promise<void> {
  const left = leftFor(primary, cursor);
  if (isFork) await removePlaces(data);
  else if (left !== undefined) await writePlace(data, left);
  await formerPrimary(data).remove();
}

interface Known {
  readonly noted: FormerPrimary | undefined;
  readonly places: readonly PrimaryPlace[];
}

async function readKnown(data: string): Promise<Known> {
  return { noted: await formerPrimary(data).read(), places: await readPlaces(data) };
}

function meet(
  primary: string,
  { noted, places, cursor, now }: Known & { readonly cursor: Cursor; readonly now: number },
): Met {
  const left = leftFor(primary, cursor);
  const first = noted ?? (left && { ...left, until: now });
  const former = first?.primary === primary ? undefined : first;
  const own = left && places.find((place) => place.primary === primary);
  const isBack = own !== undefined || noted?.primary === primary;
  // Where somebody removed the cursor, all of the log is delivered again.
  const from = left === undefined ? cursor.position : (own ?? first)?.position;
  return { former, isBack, from };
}

/** Who had what is up to the cursor, where that is another one. */
function leftFor(primary: string, { of, position }: Cursor): PrimaryPlace | undefined {
  if (of === undefined || of === primary || position === undefined) return undefined;
  return { primary: of, position };
}
