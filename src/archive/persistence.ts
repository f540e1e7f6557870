import { withAlarm } from '../runtime/alarm.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import { DuckdbError } from './duckdb.ts';

export type ArchiverState =
  | { readonly kind: 'archiving' }
  /** Nothing is archived now, for that reason; it is tried again. */
  | { readonly kind: 'hindered'; readonly reason: string };

export interface PersistenceOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Called once a change. */
  readonly onState: (state: ArchiverState) => void;
}

const LIMITS = { delayMsMin: 250, delayMsMax: 60_000, silenceMsMax: 60_000 } as const;

/** Goes on for ever with what storage refuses, at growing distances, and says why. */
export class Persistence {
  readonly #options: PersistenceOptions;
  readonly #backoff: Backoff;
  #told = '';

  constructor(options: PersistenceOptions) {
    this.#options = options;
    const { delayMsMin, delayMsMax } = LIMITS;
    this.#backoff = new Backoff({ delayMsMin, delayMsMax, random: options.random });
  }

  /** Undefined when the signal aborted before it succeeded. Rejects with what is no fault of storage. */
  async attempt<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        return await this.timely(work());
      } catch (error) {
        await this.hindered(error, signal);
      }
    }
    return undefined;
  }

  /** Tells when it takes too long. */
  timely<T>(work: Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const onLate = (): void => this.#tell({ kind: 'hindered', reason: 'storage does not answer' });
    return withAlarm(work, { clock, ms: LIMITS.silenceMsMax, onLate });
  }

  /** Tells the reason and waits. Throws what is no fault of storage. */
  async hindered(error: unknown, signal: AbortSignal): Promise<void> {
    if (!isPassing(error)) throw error;
    this.#tell({ kind: 'hindered', reason: error.message });
    await this.#options.clock.sleep(this.#backoff.nextMs(), signal);
  }

  /** All is done that there is to do, or one more step of it. */
  well(): void {
    this.#backoff.reset();
    this.#tell({ kind: 'archiving' });
  }

  #tell(state: ArchiverState): void {
    const text = JSON.stringify(state);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onState(state);
  }
}

/** What someone may put right while the process goes on; anything else is a bug, or an end. */
function isPassing(error: unknown): error is Error {
  if (error instanceof DuckdbError) return !error.isFatal;
  return error instanceof WalError || (error instanceof Error && 'syscall' in error);
}
