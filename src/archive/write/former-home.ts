import { type Former, FormerNote } from '../../runtime/former-note.ts';

/** The repository that a data directory was archived to before it went to another. */
export interface FormerHome extends Former {
  /** The repository's id. */
  readonly repository: string;
  /** Where it was. */
  readonly place: string;
}

/** DATA/archive-before.json. */
export function formerHome(data: string): FormerNote<FormerHome> {
  return new FormerNote(data, 'archive-before.json', 'repository');
}
