import type { Fork } from '../../record/fork.ts';
import type { Place } from '../place.ts';
import type { StandbyState, StateDirectory } from './state-directory.ts';

export interface KnownTargetOptions {
  readonly state: StateDirectory;
  readonly place: Place;
  /** What is known can't be written down. */
  readonly unsaved: (reason: string) => void;
}

/** What is known of a target while it is fed. It is written down as soon as it can be; a start knows what was. */
export class KnownTarget {
  readonly #options: KnownTargetOptions;
  #place: Place;
  #forks: readonly Fork[];

  constructor(options: KnownTargetOptions) {
    this.#options = options;
    this.#place = options.place;
    this.#forks = options.state.state.forks;
  }

  /** What it surely contains. */
  get place(): Place {
    return this.#place;
  }

  /** What is known to be undone of the log, of which it has none; also what is only being written down. */
  get forks(): readonly Fork[] {
    return this.#forks;
  }

  /** It answers. Why that can't be written down, and nothing may be sent to it; undefined once it is durable. */
  async noteReached(): Promise<string | undefined> {
    if (this.#options.state.state.isReached) return undefined;
    try {
      await this.#save({ isReached: true });
      return undefined;
    } catch (error) {
      return `that it is fed cannot be written down: ${(error as Error).message}`;
    }
  }

  /** What was received up to then, epoch ms, may be sent to it. Resolves when that is durable. */
  async noteSending(sentToMs: number): Promise<void> {
    await this.#save({ sentToMs });
  }

  /** It surely contains this. What can't be written down is with the next. */
  async noteContained(place: Place): Promise<void> {
    this.#place = place;
    await this.#save({ place }).catch(() => undefined);
  }

  /** It surely contains this, which is written down. */
  noteEnd(place: Place): void {
    this.#place = place;
  }

  /** It has nothing of what this undid, nor will get any. */
  noteUndone(fork: Fork): void {
    this.#forks = [...this.#forks, fork];
    // Should it be met again, nothing of what it undid was sent either.
    void this.#save({ forks: this.#forks }).catch(() => undefined);
  }

  async #save(changes: Partial<Omit<StandbyState, 'target'>>): Promise<void> {
    const { state, unsaved } = this.#options;
    try {
      await state.save(changes);
    } catch (error) {
      unsaved((error as Error).message);
      throw error;
    }
  }
}
