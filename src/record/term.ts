import { fieldsOf } from './fields.ts';

/**
 * By promotion, or by a switch, an OpenTSDB is the primary of all proxies of a topic, from a moment on. Of two terms the later one
 * counts. Proxies say theirs with each message to the topic.
 */
export interface Term {
  /** When the standby whose target it was had come to its end, epoch ms: the same for all proxies of one promotion. */
  readonly since: number;
  /** The origin of the primary, by which the proxy that says so reaches it. */
  readonly primary: string;
}

/** From JSON, or from the header of a message once that is split; undefined for anything else. */
export function parseTerm(value: unknown): Term | undefined {
  const { since, primary } = fieldsOf(value);
  if (!Number.isSafeInteger(since) || Number(since) < 0) return undefined;
  if (typeof primary !== 'string' || !URL.canParse(primary)) return undefined;
  return { since: Number(since), primary: new URL(primary).origin };
}
