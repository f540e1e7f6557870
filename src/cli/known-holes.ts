import { SequenceSet } from '../archive/sequence-set.ts';
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
  readonly #holes: Hole[] = [];
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
    const known = this.#records.get(lane) ?? new SequenceSet();
    const added = known.without({ firstSeq, lastSeq });
    if (added.length === 0) return;
    if (this.#holes.length < HOLES_MAX) {
      this.#holes.push(hole);
      known.add({ firstSeq, lastSeq });
      this.#records.set(lane, known);
    }
    count(added.reduce((sum, range) => sum + range.lastSeq - range.firstSeq + 1, 0));
    logger.error({ ...hole }, told);
  }
}
