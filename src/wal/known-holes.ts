import { SequenceSet } from '../record/sequence-set.ts';
import type { Hole } from '../record/control.ts';
import type { Logger } from '../runtime/logger.ts';

/** Further ones are told and counted, and not listed. */
const HOLES_MAX = 1_000;

export interface KnownHolesOptions {
  readonly logger: Logger;
  readonly count: (records: number) => void;
}

/** Records of the log that cannot be read back. Each is told and counted once, though a start and several who read may meet it. */
export class KnownHoles {
  readonly #options: KnownHolesOptions;
  #holes: Hole[] = [];
  readonly #records = new Map<string, SequenceSet>();

  constructor(options: KnownHolesOptions) {
    this.#options = options;
  }

  get list(): readonly Hole[] {
    return this.#holes;
  }

  note(hole: Hole, told: string): void {
    const { logger, count } = this.#options;
    const { lane, from: firstSeq, to: lastSeq } = hole;
    const added = this.#recordsOf(lane).without({ firstSeq, lastSeq });
    if (added.length === 0) return;
    if (this.#holes.length < HOLES_MAX) this.#list(hole);
    count(added.reduce((sum, range) => sum + range.lastSeq - range.firstSeq + 1, 0));
    logger.error({ ...hole }, told);
  }

  /** What touches none of these is filled: it is no longer listed, and told when it is met again. */
  keep(missing: readonly Hole[]): void {
    const kept = this.#holes.filter((hole) => missing.some((one) => isTouching(one, hole)));
    this.#holes = [];
    this.#records.clear();
    for (const hole of kept) this.#list(hole);
  }

  #list(hole: Hole): void {
    this.#holes.push(hole);
    this.#recordsOf(hole.lane).add({ firstSeq: hole.from, lastSeq: hole.to });
  }

  #recordsOf(lane: string): SequenceSet {
    const known = this.#records.get(lane) ?? new SequenceSet();
    this.#records.set(lane, known);
    return known;
  }
}

function isTouching(a: Hole, b: Hole): boolean {
  return a.lane === b.lane && a.from <= b.to && b.from <= a.to;
}
