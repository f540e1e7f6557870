import type { PrimaryChoice } from '../follow/primary-choice.ts';
import type { LatestTerm } from '../record/latest-term.ts';
import { countsSince, type Term } from '../record/term.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';

export interface FenceOptions {
  readonly choice: Pick<PrimaryChoice, 'url' | 'term' | 'heard' | 'isFresh' | 'take'>;
  /** Looks for what other proxies said last; what it finds is among what was heard. Rejects when the topic can't be read. */
  readonly look: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LIMITS = {
  /** A topic that is silent is waited for so long, */
  lookMsMax: 5_000,
  /** and looked at again so often. */
  againMs: 20_000,
} as const;

/** Why a primary gets nothing though nobody holds it. */
export interface Fenced {
  /** What others were given. */
  readonly by: Term;
  /** Epoch ms. */
  readonly sinceMs: number;
}

/** How a primary stands, by what other proxies say. */
export type Standing =
  /** It counts, as far as is known. */
  | { readonly kind: 'right' }
  /** It counts since then, and what it lacks of this log is all. */
  | { readonly kind: 'joined'; readonly term: Term }
  /** Others were given a primary since then, and this proxy was not part of that. It may be this very one: what that has of this log isn't known here. */
  | { readonly kind: 'over'; readonly term: Term };

/** What this proxy knows of its primary. */
export interface OwnPrimary {
  readonly primary: string;
  /** Since when it is it; undefined: nobody said. */
  readonly term: Term | undefined;
  /** It was given nothing of the log that it is known to store. */
  readonly isFresh: boolean;
}

export function standingOf(
  { primary, term, isFresh }: OwnPrimary,
  heard: Pick<LatestTerm, 'any' | 'has'>,
): Standing {
  const { any: latest } = heard;
  if (latest === undefined || countsSince(term, latest.since)) return { kind: 'right' };
  const isNamed = heard.has(primary);
  if (isNamed && isFresh) return { kind: 'joined', term: { since: latest.since, primary } };
  return { kind: 'over', term: isNamed ? { since: latest.since, primary } : latest };
}

/**
 * Keeps a proxy that was away, or has an old configuration, from feeding what is the primary no more, or from going on at a place that is
 * not the new one's. A term ends all earlier ones. Who can't look feeds the one that it knows: that Kafka is away must not keep the primary
 * from what it is given.
 */
export class Fence {
  readonly #options: FenceOptions;
  #hasLooked = false;
  #fenced: Fenced | undefined;

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /** Undefined: nothing keeps the primary from being fed. */
  get fenced(): Fenced | undefined {
    return this.#fenced;
  }

  /** Judges by what was heard; whoever feeds the primary goes by `fenced` then. Whether that is another answer than before. */
  async judge(): Promise<boolean> {
    const { choice, clock } = this.#options;
    const { term, isFresh, heard } = choice;
    const standing = standingOf({ primary: choice.url.origin, term, isFresh }, heard);
    // Until it is written, it is joined again by each start.
    if (standing.kind === 'joined') await choice.take(standing.term).catch(() => undefined);
    const by = standing.kind === 'over' ? standing.term : undefined;
    const before = this.#fenced;
    if (by?.since === before?.by.since && by?.primary === before?.by.primary) return false;
    this.#fenced = by && { by, sinceMs: before?.sinceMs ?? clock.now() };
    return true;
  }

  /** Before anything is fed: a topic that is silent is told, and looked at when it is there. */
  async lookFirst(signal: AbortSignal): Promise<void> {
    const { logger, choice } = this.#options;
    if (this.#hasLooked) return;
    await this.look(signal);
    if (this.#hasLooked || signal.aborted) return;
    logger.warn({ primary: choice.url.origin }, UNLOOKED);
    void this.#lookLater(signal);
  }

  /** Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    const { look, clock } = this.#options;
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const looked = look(ended).then(
      () => (this.#hasLooked = true),
      () => undefined,
    );
    await Promise.race([looked, clock.sleep(LIMITS.lookMsMax, ended)]);
    over.abort();
  }

  async #lookLater(signal: AbortSignal): Promise<void> {
    while (!this.#hasLooked && !signal.aborted) {
      await this.#options.clock.sleep(LIMITS.againMs, signal);
      await this.look(signal);
    }
  }
}

const UNLOOKED =
  'the topic could not be looked at yet: the primary is fed, though other proxies may feed another one since a promotion';

/** For people: why a primary gets nothing. */
export function tellFenced(primary: string, { since, primary: other }: Term): string {
  const at = formatInstant(since);
  const says =
    other === primary
      ? `other proxies were given ${primary} by the promotion of ${at}, which this one was not part of: what it has of this log isn't known here`
      : `other proxies feed ${other} since the promotion of ${at}, which this one was not part of`;
  return `${says}. ${primary} gets nothing, and writes are kept. Run \`tsdb-wal promote\` with all proxies again, or name the right primary, or POST /primary/claim (docs/PROMOTE.md, A proxy that was away)`;
}
