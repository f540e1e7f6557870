import type { Hole } from '../record/control.ts';
import type { Logger } from '../runtime/logger.ts';

/** Further ones are told and counted, and not listed. */
const HOLES_MAX = 1_000;

export interface KnownHolesOptions {
  readonly logger: Logger;
  readonly count: (records: number) => void;
}

/** Records of the log that cannot be read back. Each is told once, though a start and several who read may meet it. */
export class KnownHoles {
  readonly #options: KnownHolesOptions;
  readonly #holes: Hole[] = [];

  constructor(options: KnownHolesOptions) {
    this.#options = options;
  }

  get list(): readonly Hole[] {
    return this.#holes;
  }

  note(hole: Hole, told: string): void {
    const { logger, count } = this.#options;
    const isKnown = this.#holes.some(
      ({ lane, from, to }) => lane === hole.lane && from <= hole.from && hole.to <= to,
    );
    if (isKnown) return;
    if (this.#holes.length < HOLES_MAX) this.#holes.push(hole);
    count(hole.to - hole.from + 1);
    logger.error({ ...hole }, told);
  }
}
