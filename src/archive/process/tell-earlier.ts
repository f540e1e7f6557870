import type { EarlierHome } from '../write/earlier-home.ts';
import type { Config } from '../../config/options.ts';
import { formatInstant } from '../../runtime/instant.ts';

/** Of a directory that is archived to another repository than before; `source`: what is archived there. */
export function tellEarlier(
  { repository: id, place, until }: EarlierHome,
  { repository }: Config,
  source: 'log' | 'topic',
): string {
  return `${repository} is another repository than this directory was archived to before: until ${formatInstant(until)} that was ${place} (id ${id}), which gets nothing more from here. If that one is meant, mount it or name it again, and start: what the ${source} still has is archived there, too. If the new one is meant, remove DATA/archive-before.json`;
}
