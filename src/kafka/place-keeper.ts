import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Cursor } from '../wal/cursor.ts';
import type { TopicPlace } from './topic-place.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';

export interface PlaceKeeperOptions {
  readonly cursor: Cursor;
  readonly place: TopicPlace;
  readonly clock: Clock;
  /** All up to there is in the topic; undefined while nothing is. */
  readonly acknowledged: () => Position | undefined;
  /** The place could not be written; it is tried again. Called once a reason. */
  readonly unsaved: (reason: string) => void;
}

const SAVE_MS = 1_000;
/** With less than so much to be sent again after a crash, the place is written each fifth time only. */
const LITTLE = { bytes: 65_536, rounds: 5 } as const;

/**
 * Keeps durably up to where a topic has the log. The cursor is written before `kafka.json`, one pair after the other, so that a crash
 * between the two repeats messages and passes none over.
 */
export class PlaceKeeper {
  readonly #options: PlaceKeeperOptions;
  #isSaved = true;
  #unsavedBytes = 0;
  /** The cursor and the place belong together. */
  readonly #writes = new SerialQueue();
  #hindrance: string | undefined;

  constructor(options: PlaceKeeperOptions) {
    this.#options = options;
  }

  /** A message with so many bytes of the log was acknowledged. */
  note(bytes: number): void {
    this.#isSaved = false;
    this.#unsavedBytes += bytes;
  }

  /** Saves now and then until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let passed = 1; !signal.aborted; passed += 1) {
      await this.#options.clock.sleep(SAVE_MS, signal);
      if (this.#unsavedBytes < LITTLE.bytes && passed < LITTLE.rounds) continue;
      passed = 0;
      await this.save();
    }
  }

  async save(): Promise<void> {
    await this.#writes.run(() => this.#write());
  }

  /** The topic has nothing of it. Durable when it resolves. */
  async forget(): Promise<void> {
    await this.#writes.run(() => this.#options.place.forget());
  }

  async #write(): Promise<void> {
    const { cursor, place, acknowledged, unsaved } = this.#options;
    const position = acknowledged();
    if (this.#isSaved || position === undefined) return;
    // What is acknowledged meanwhile is saved the next time.
    this.#isSaved = true;
    this.#unsavedBytes = 0;
    try {
      await cursor.move(position);
      await place.save();
      this.#hindrance = undefined;
    } catch (error) {
      this.#isSaved = false;
      const { message } = error as Error;
      if (message !== this.#hindrance) unsaved(message);
      this.#hindrance = message;
    }
  }
}
