import type { Clock } from '../runtime/clock.ts';
import type { Opening } from './open-record.ts';

export interface LaneOpenerOptions {
  readonly clock: Clock;
  /** Opens a lane; rejects when that fails. */
  readonly open: (opening: Opening) => Promise<void>;
  /** It could not be opened; called each time. */
  readonly failed: (reason: string) => void;
  /** Nothing is tried any more once it aborts. */
  readonly signal: AbortSignal;
}

const REOPEN_MS = 1_000;

/** Codes of errors that a disk may get over: the first lane is then tried again. Any other one at a start says that the directory is wrong, and ends it. */
export const PASSING_ERRORS: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EIO']);

/** Opens lanes, one after the other: one that can't be opened now is tried again until the disk takes it. */
export class LaneOpener {
  readonly #options: LaneOpenerOptions;
  #trying: Promise<void> | undefined;

  constructor(options: LaneOpenerOptions) {
    this.#options = options;
  }

  /** Opens a lane now; later when that fails with one of the errors (all when not given). Rejects with the others. */
  async open(opening: Opening, passing?: ReadonlySet<unknown>): Promise<void> {
    try {
      await this.#options.open(opening);
    } catch (error) {
      if (passing?.has((error as NodeJS.ErrnoException).code) === false) throw error;
      this.#tellFailed(error);
      this.openLater(opening);
    }
  }

  /** Opens a lane in the background: tried once a second. */
  openLater(opening: Opening): void {
    this.#trying = this.#try(opening);
  }

  /** Resolves when nothing is being tried. Never rejects. */
  async settled(): Promise<void> {
    await this.#trying;
  }

  async #try(opening: Opening): Promise<void> {
    const { clock, open, signal } = this.#options;
    for (;;) {
      await clock.sleep(REOPEN_MS, signal);
      if (signal.aborted) return;
      try {
        await open(opening);
        return;
      } catch (error) {
        this.#tellFailed(error);
      }
    }
  }

  #tellFailed(error: unknown): void {
    this.#options.failed(`the log could not be opened: ${(error as Error).message}`);
  }
}
