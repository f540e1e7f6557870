import type { Term } from './term.ts';

/** The latest of all terms that were heard, by each name that its primary was given. */
export class LatestTerm {
  readonly #byName = new Map<string, Term>();

  /** Whether it says more than was known. */
  note(term: Term): boolean {
    const since = this.since ?? -Infinity;
    if (term.since < since || (term.since === since && this.has(term.primary))) return false;
    if (term.since > since) this.#byName.clear();
    this.#byName.set(term.primary, term);
    return true;
  }

  /** As it was named first; undefined: none was heard. */
  get any(): Term | undefined {
    return this.#byName.values().next().value;
  }

  /** By each name. */
  get all(): readonly Term[] {
    return [...this.#byName.values()];
  }

  get since(): number | undefined {
    return this.any?.since;
  }

  has(primary: string): boolean {
    return this.#byName.has(primary);
  }
}
