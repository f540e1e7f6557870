import type { Config } from '../../config/options.ts';
import { toldOf } from '../../runtime/former-note.ts';
import { formerHome } from '../write/former-home.ts';

/** For people: that a directory is archived to another repository than before; `source`: what is archived there. */
export async function lookFormerHome(
  { data, repository }: Config,
  source: 'log' | 'topic',
): Promise<string | undefined> {
  const note = formerHome(data);
  return toldOf(note.read(), (former) =>
    note.tell(former, {
      named: repository,
      than: 'repository than this directory was archived to',
      before: former.place,
      so: ` (id ${former.repository}), which gets nothing more from here`,
      name: 'mount it or name it again',
      back: `what the ${source} still has is archived there, too`,
      isMeant: `${repository} is meant`,
    }),
  );
}
