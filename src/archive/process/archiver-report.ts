import { withAlarm } from '../../runtime/alarm.ts';
import { systemClock } from '../../runtime/clock.ts';
import { explain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { FromArchiver, ToArchiver } from './archive-messages.ts';

/** What can hinder the archiver, each at its own time; and what is told when it takes too long. */
const PARTS = {
  start: 'the repository does not answer',
  archiving: 'DuckDB takes long to start',
  listing: 'the repository does not answer',
  topic: 'Kafka does not answer',
} as const;

type Part = keyof typeof PARTS;

const LIMITS = { retryMs: 1_000, silentMsMax: 10_000 } as const;

/**
 * Says how the archiver is doing: to the log, and to the process that started it, if one did. When that one is gone,
 * `onAlone` is called.
 */
export class ArchiverReport {
  readonly #logger: Logger;
  readonly #onTold: ((message: FromArchiver) => void) | undefined;
  readonly #hindrances = new Map<Part, string>();
  /** The reason that was told last; null before anything was. */
  #told: string | undefined | null = null;

  /** `onTold`: what is told is told here, too. */
  constructor(logger: Logger, onAlone: () => void, onTold?: (message: FromArchiver) => void) {
    this.#logger = logger;
    this.#onTold = onTold;
    if (!this.hasParent) return;
    process.once('disconnect', onAlone);
    // It may have been let go before it could listen.
    if (!process.connected) onAlone();
  }

  get hasParent(): boolean {
    return process.send !== undefined;
  }

  onMessage(take: (message: ToArchiver) => void): void {
    process.on('message', (message) => take(message as ToArchiver));
  }

  send(message: FromArchiver): void {
    this.#onTold?.(message);
    // Who is gone can't be told; `onAlone` says so.
    if (process.connected) process.send?.(message, () => undefined);
  }

  /** Undefined: nothing hinders that part any more. */
  hinder(part: Part, reason: string | undefined): void {
    if (reason === undefined) this.#hindrances.delete(part);
    else this.#hindrances.set(part, reason);
    this.#tell();
  }

  /**
   * Tries once a second until it is done, and says why it isn't; undefined when the signal aborts before. Rejects with an error that
   * `isFinal`: that isn't told here.
   */
  async persist<T>(
    part: Part,
    signal: AbortSignal,
    task: () => Promise<T>,
    isFinal: (error: unknown) => boolean = () => false,
  ): Promise<T | undefined> {
    const onLate = (): void => this.hinder(part, PARTS[part]);
    while (!signal.aborted) {
      try {
        const alarm = { clock: systemClock, ms: LIMITS.silentMsMax, onLate };
        const done = await withAlarm(task(), alarm);
        this.hinder(part, undefined);
        return done;
      } catch (error) {
        if (isFinal(error)) throw error;
        this.hinder(part, explain(error));
        await systemClock.sleep(LIMITS.retryMs, signal);
      }
    }
    return undefined;
  }

  #tell(): void {
    const [reason] = this.#hindrances.values();
    if (reason === this.#told) return;
    const wasHindered = typeof this.#told === 'string';
    this.#told = reason;
    if (reason === undefined) {
      this.send({ kind: 'state', state: { kind: 'archiving' } });
      if (wasHindered) this.#logger.info('archiving goes on');
      return;
    }
    this.send({ kind: 'state', state: { kind: 'hindered', reason } });
    this.#logger.error({ reason }, 'nothing is archived: it is tried again');
  }
}
