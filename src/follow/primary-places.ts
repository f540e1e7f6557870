import { join } from 'node:path';
import type { Position } from '../record/position.ts';
import { readIntact, removeChecked, writeChecked } from '../runtime/checked-json.ts';

/** An OpenTSDB that a data directory fed, and where it stood. */
export interface PrimaryPlace {
  /** Its origin. */
  readonly primary: string;
  /** Up to here it surely stores everything. */
  readonly position: Position;
}

/** So many are remembered, those that were left last. */
const PLACES_MAX = 8;

/**
 * Where each OpenTSDB stood when it was left for another, the last one last: DATA/primary-places.json. One that is named again goes on from
 * there. The log keeps nothing for them: what it has dropped by then is a hole to one that comes back.
 */
export async function readPlaces(data: string): Promise<readonly PrimaryPlace[]> {
  const read = await readIntact<{ readonly places: readonly PrimaryPlace[] }>(pathOf(data), {
    lost: 'where primaries of before stood',
    hint: 'Put it back from a copy. Or remove it: one of them that is named again then goes on from where another one stood, which is told.',
  });
  return read?.places ?? [];
}

/** In place of what was known of that one. Durable when it resolves. */
export async function writePlace(data: string, place: PrimaryPlace): Promise<void> {
  const others = (await readPlaces(data)).filter(({ primary }) => primary !== place.primary);
  await writeChecked(pathOf(data), { places: [...others, place].slice(-PLACES_MAX) });
}

/** Durable when it resolves. */
export async function removePlaces(data: string): Promise<void> {
  await removeChecked(pathOf(data));
}

function pathOf(data: string): string {
  return join(data, 'primary-places.json');
}
