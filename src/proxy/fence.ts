import { LatestTerm } from '../record/latest-term.ts';
import type { Term } from '../record/term.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';

export interface FenceOptions {
  /** Looks for what other proxies said last; whatever it finds comes to `hear`. Rejects when the topic can't be read. */
  readonly look: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

/** A topic that is silent keeps the primary from being fed for so long; it is listened to afterwards, too. */
const LOOK_MS_MAX = 5_000;

/** What becomes of a primary, by what other proxies say. */
export type Standing =
  /** Nobody says anything against it. */
  | { readonly kind: 'right' }
  /** Others feed it, too, since then, and it was not known since when it is it. */
  | { readonly kind: 'joined'; readonly term: Term }
  /** Others feed another one since then. */
  | { readonly kind: 'over'; readonly term: Term };

/**
 * Keeps a proxy that was away, or has an old configuration, from feeding what is the primary no more. Proxies say with each message to
 * the topic since which promotion theirs is it: a later one ends what was before. Who can't look feeds the one that it knows: that
 * Kafka is away must not keep the primary from what it is given.
 */
export class Fence {
  readonly #options: FenceOptions;
  readonly #latest = new LatestTerm();

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /** Whether it says more than was known. */
  hear(term: Term): boolean {
    return this.#latest.note(term);
  }

  get latest(): Term | undefined {
    return this.#latest.any;
  }

  /** The least since when a successor counts that is this one. */
  leastOf(primary: string): number {
    const { latest } = this;
    if (latest === undefined) return 0;
    return this.#latest.has(primary) ? latest.since : latest.since + 1;
  }

  /** `own`: since when it is known to be the primary. */
  standingOf(primary: string, own: Term | undefined): Standing {
    const { latest } = this;
    if (latest === undefined || (own !== undefined && own.since >= latest.since)) {
      return { kind: 'right' };
    }
    if (!this.#latest.has(primary)) return { kind: 'over', term: latest };
    return { kind: 'joined', term: { since: latest.since, primary } };
  }

  /** Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    const { look, clock } = this.#options;
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const looked = look(ended).catch(() => undefined);
    await Promise.race([looked, clock.sleep(LOOK_MS_MAX, ended)]);
    over.abort();
  }
}

/** For people: why a primary gets nothing. */
export function tellFenced(primary: string, { since, primary: other }: Term): string {
  return `other proxies feed ${other} since the promotion of ${formatInstant(since)}, which this one was not part of: ${primary} gets nothing, and writes are kept. Run \`tsdb-wal promote\` with all proxies again, or POST /primary/claim if it is the right one (docs/PROMOTE.md, A proxy that was away)`;
}
