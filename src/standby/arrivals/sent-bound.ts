export interface SentBoundOptions {
  /** What is known of earlier runs, epoch ms. */
  readonly ms: number;
  /** Durable when it resolves. */
  readonly save: (ms: number) => Promise<void>;
  /** More may be sent. */
  readonly onRaised: () => void;
}

/**
 * The receive time up to which something may have been sent to a target at any time, also by a run that was killed. Nothing is sent that was received
 * later before that is written down: so it can be said that a target holds nothing that was received after some moment.
 */
export class SentBound {
  readonly #options: SentBoundOptions;
  #ms: number;
  /** What is being written down. */
  #savingMs: number | undefined;

  constructor(options: SentBoundOptions) {
    this.#options = options;
    this.#ms = options.ms;
  }

  get ms(): number {
    return this.#ms;
  }

  /** With what is being written down, and may be sent the moment after. */
  get soonMs(): number {
    return Math.max(this.#ms, this.#savingMs ?? this.#ms);
  }

  /** Asks for more, which comes some moments later. What can't be written down is to be asked for again. */
  raise(ms: number): void {
    if (this.#savingMs !== undefined || ms <= this.#ms) return;
    this.#savingMs = ms;
    void this.#save(ms);
  }

  async #save(ms: number): Promise<void> {
    const { save, onRaised } = this.#options;
    try {
      await save(ms);
      this.#ms = ms;
    } catch {
      // The one who saves has told it.
    } finally {
      this.#savingMs = undefined;
    }
    if (this.#ms === ms) onRaised();
  }
}
