import type { LaneOpening } from '../write/lane-opening.ts';
import { registerLanes } from '../write/register-lanes.ts';
import type { Repository } from '../repository.ts';
import type { Clock } from '../../runtime/clock.ts';
import { explain } from '../../runtime/errors.ts';
import { SerialQueue } from '../../runtime/serial-queue.ts';

export interface LaneRegistrarOptions {
  readonly repository: Repository;
  readonly data: string;
  readonly host: string;
  readonly clock: Clock;
  readonly registered: (lane: string) => void;
  /** Told once for each lane and reason. */
  readonly unregistered: (lane: string, reason: string) => void;
}

const RETRY_MS = 1_000;

/** Registers lanes in the repository, one call at a time, whoever asks. */
export class LaneRegistrar {
  readonly #options: LaneRegistrarOptions;
  #wanted: readonly LaneOpening[] = [];
  #lanes: ReadonlySet<string> | undefined;
  readonly #queue = new SerialQueue();
  #wake: (() => void) | undefined;
  readonly #first = new AbortController();

  constructor(options: LaneRegistrarOptions) {
    this.#options = options;
  }

  /** Those of the log, as of the last registration; undefined before the first. */
  get lanes(): ReadonlySet<string> | undefined {
    return this.#lanes;
  }

  /** Rejects when it can't be done now. */
  register(openings: readonly LaneOpening[]): Promise<void> {
    return this.#queue.run(() => this.#register(openings));
  }

  /** `run` goes on until these are registered, or others are wanted. */
  want(openings: readonly LaneOpening[]): void {
    this.#wanted = openings;
    this.#wake?.();
  }

  /** Settles when the first lanes have been registered, after `ms`, or when the signal aborts. */
  async untilFirst(ms: number, signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, this.#first.signal]);
    await this.#options.clock.sleep(Math.min(ms, IDLE_MS), until);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { registered, unregistered } = this.#options;
    let told = '';
    while (!signal.aborted) {
      const openings = this.#wanted;
      const lane = openings.at(-1)?.lane;
      if (lane === undefined) {
        await this.#untilWanted(Infinity, signal);
        continue;
      }
      try {
        await this.register(openings);
        if (this.#wanted === openings) this.#wanted = [];
        registered(lane);
      } catch (error) {
        const message = explain(error);
        if (told !== `${lane} ${message}`) unregistered(lane, message);
        told = `${lane} ${message}`;
        await this.#untilWanted(RETRY_MS, signal);
      }
    }
  }

  async #register(openings: readonly LaneOpening[]): Promise<void> {
    const { repository, data, host } = this.#options;
    await registerLanes({ repository, data, openings, host });
    this.#lanes = new Set(openings.map(({ lane }) => lane));
    this.#first.abort();
  }

  async #untilWanted(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const until = AbortSignal.any([signal, woken.signal]);
    await this.#options.clock.sleep(Math.min(ms, IDLE_MS), until);
    this.#wake = undefined;
  }
}

const IDLE_MS = 3_600_000;
