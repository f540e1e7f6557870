import { DeadLetters } from '../../follow/dead-letters.ts';
import type { RefusedPoint } from '../../follow/deliver/logged-point.ts';
import type { Suspect } from '../../follow/deliver/suspects.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Arrivals } from '../arrivals/arrivals.ts';

export interface TargetRefusalsOptions {
  /** Where dead letters are kept. */
  readonly directory: string;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  /** These are refused for good, and in the dead letters. */
  readonly deadLetters: (suspects: readonly Suspect[]) => void;
}

/** Points that the target refuses, and the primary does not as far as it is known: of the others their clients were told. */
export class TargetRefusals {
  readonly #options: TargetRefusalsOptions;
  readonly #letters: DeadLetters;

  constructor(options: TargetRefusalsOptions) {
    this.#options = options;
    this.#letters = new DeadLetters(options.directory);
  }

  /** Dead letters written by this process. */
  get count(): number {
    return this.#letters.count;
  }

  /** Those of the points that the primary is not known to have refused. */
  among<P extends RefusedPoint>(refused: readonly P[]): P[] {
    const { arrivals } = this.#options;
    return refused.filter(
      ({ position, index }) => !arrivals.isRefused(arrivals.recordAt(position, index)),
    );
  }

  /** They are refused for good. Resolves when that is written down, as points of the log. */
  async note(suspects: readonly Suspect[]): Promise<void> {
    const { arrivals, clock, deadLetters } = this.#options;
    const letters = this.among(suspects).map((suspect) => {
      const { index, ...position } = arrivals.recordAt(suspect.position, suspect.index);
      return Object.assign({}, suspect, { position, index });
    });
    if (letters.length === 0) return;
    await this.#letters.write(letters, clock.now());
    deadLetters(letters);
  }
}
