import { join } from 'node:path';
import type { Config } from '../config/options.ts';
import type { PrimaryChoice } from '../follow/primary-choice.ts';
import type { Primary } from '../follow/primary.ts';
import { PRIMARY_WITNESS, Witnesses } from '../follow/witnesses.ts';
import { QueryClient, type QueryReply, type RawQuery } from '../opentsdb/query-client.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';

const QUERY_LIMITS = {
  requestTimeoutMs: 10_000,
  connectionsMax: 1,
  answerBytesMax: 1024 * 1024,
} as const;
const SHOWN_CHARACTERS_MAX = 200;

export interface WitnessingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly choice: PrimaryChoice;
  readonly primary: () => Primary;
}

/** Looks whether the primary still has what it had, and tells when not. */
export function witnessesOf({
  config: { data },
  clock,
  logger,
  choice,
  primary,
}: WitnessingOptions): Witnesses {
  const witnesses = new Witnesses({
    data,
    clock,
    primary: () => choice.url.origin,
    isUp: () => !primary().isHeld && primary().state.kind !== 'down',
    proven: () => primary().canaries,
    confirmed: () => primary().confirmed,
    ask: (query) => ask(choice.url, query),
    events: {
      lacks: () => logger.error(tellLacking(witnesses, choice.url.origin, data)),
      lacksNoMore: () => logger.info('the primary is not known to lack anything any more'),
    },
  });
  return witnesses;
}

/** For people; undefined: nothing is known to be lacking. */
export function tellLacking(
  { lacking }: Pick<Witnesses, 'lacking'>,
  primary: string,
  data: string,
): string | undefined {
  if (lacking === undefined) return undefined;
  const { line, shownMs, sinceMs } = lacking;
  const path = join(data, PRIMARY_WITNESS);
  return `${primary} lacks what it had: it showed this point at ${formatInstant(shownMs)}, and at ${formatInstant(sinceMs)} not any more: ${line.slice(0, SHOWN_CHARACTERS_MAX)}. Its tables were emptied, or are others: all that was confirmed before may be missing there, and is not sent again. POST /primary/hold, restore into empty tables, POST /primary/release (docs/RECOVERY.md, A). Where it was deleted on purpose, remove ${path}`;
}

async function ask(target: URL, query: RawQuery): Promise<QueryReply> {
  const client = new QueryClient({ target, ...QUERY_LIMITS });
  try {
    return await client.query(query);
  } finally {
    await client.close();
  }
}
