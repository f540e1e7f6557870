import { readArchiveHome } from '../write/archive-home.ts';
import type { Holdings } from '../holdings/coverage.ts';
import { type LogTail, openLog, readTail } from './log-tail.ts';
import type { TopicLog } from '../topic/topic-log.ts';
import { readTopicTail } from './topic-tail.ts';
import type { Tails } from './with-tail.ts';

/** Each look but the first needs an archiver that takes something away just between the listing and the reading. */
export const LOOKS_MAX = 20;

export interface ReadTailsOptions<Archived extends Holdings> {
  readonly list: () => Promise<Archived>;
  /** All that needn't be looked for in the topic: what is archived, and what the log has if that is to count. */
  readonly knownOf: (archived: Archived, tail: LogTail | undefined) => Holdings;
  readonly signal?: AbortSignal | undefined;
}

const NEVER = new AbortController().signal;

/**
 * What a log and a topic have beyond a repository. They are looked at first, then the repository: while the archiver works, what has
 * left the one is in the other. What goes between its listing and its reading is looked for anew.
 */
export async function readTails<Archived extends Holdings>(
  {
    data,
    topic: named,
  }: { readonly data?: string | undefined; readonly topic?: TopicLog | undefined },
  { list, knownOf, signal = NEVER }: ReadTailsOptions<Archived>,
): Promise<Tails & { readonly archived: Archived }> {
  const home = data === undefined ? undefined : await readArchiveHome(data);
  for (let look = 1; ; look += 1) {
    const log = data === undefined ? undefined : await openLog(data);
    const ranges = await named?.ranges();
    const archived = await list();
    const tail = log && (await readTail(log, archived, home));
    const known = knownOf(archived, tail);
    const topic =
      named && ranges && (await readTopicTail(named, { ranges, archived, known, signal }));
    const isMoved = tail?.isMoved === true || topic?.isMoved === true;
    if (!isMoved || look === LOOKS_MAX) return { archived, tail, topic };
  }
}
