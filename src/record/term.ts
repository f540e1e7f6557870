import { fieldsOf } from './fields.ts';

/**
 * By a promotion, or another word of an operator, an OpenTSDB is the primary of all proxies of a topic, from some moment on. Of two terms
 * the later one counts. Proxies say theirs with each message to the topic.
 */
export interface Term {
  /** Orders terms: when the standby whose target it was had come to its end, epoch ms, which is the same for all proxies of a promotion. */
  readonly since: number;
  /** The origin of the primary, by which a proxy that was given it reaches it. */
  readonly primary: string;
}

/** Whether it counts where another one is known: none does that is not said. */
export function countsSince(term: Term | undefined, since: number): boolean {
  return term !== undefined && term.since >= since;
}

/** So that a later one can always be said. */
const SINCE_MAX = 1e14;

/** From JSON, or from the header of a message once that is split; undefined for anything else. */
export function parseTerm(value: unknown): Term | undefined {
  const { since, primary } = fieldsOf(value);
  const order = parseSince(since);
  if (order === undefined || typeof primary !== 'string' || !URL.canParse(primary)) {
    return undefined;
  }
  return { since: order, primary: new URL(primary).origin };
}

/** `since` of a term; undefined for anything else. */
export function parseSince(value: unknown): number | undefined {
  const isOrder = Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < SINCE_MAX;
  return isOrder ? Number(value) : undefined;
}
