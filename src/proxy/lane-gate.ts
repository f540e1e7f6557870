import type { Wal } from '../wal/log.ts';

/** What clients are told until the repository knows of a lane, unless more is known. */
export const NOT_REGISTERED = 'the repository does not know of this stretch of the log yet';
/** The same of the topic. */
export const UNKNOWN_TO_TOPIC = 'the topic does not know of this stretch of the log yet';

/** The log, as one of those sees it who must know of a lane before it takes data. */
export interface LaneKeeper {
  readonly segments: Wal['segments'];
  /** Whether this one lets the current lane take data. */
  readonly isAdmitted: boolean;
  admit(lane: string): void;
  explainBar(lane: string, reason: string): void;
}

/** Lets a lane take data once all keepers do. */
export class LaneGate {
  readonly #wal: Wal;
  readonly #waiting = new Map<string, string>();
  readonly #names: readonly string[];
  #lane = '';

  constructor(wal: Wal, names: readonly string[]) {
    this.#wal = wal;
    this.#names = names;
  }

  /** A lane was opened; everyone must let it in anew. */
  opened(lane: string): void {
    this.#lane = lane;
    for (const name of this.#names) this.#waiting.set(name, '');
  }

  keeper(name: string): LaneKeeper {
    const wal = this.#wal;
    const waiting = this.#waiting;
    const admit = (lane: string): void => this.#admit(name, lane);
    const explain = (lane: string, reason: string): void => this.#explain({ name, lane, reason });
    return {
      get segments() {
        return wal.segments;
      },
      get isAdmitted() {
        return !waiting.has(name);
      },
      admit,
      explainBar: explain,
    };
  }

  #admit(name: string, lane: string): void {
    if (lane !== this.#lane) return;
    this.#waiting.delete(name);
    if (this.#waiting.size === 0) this.#wal.admit(lane);
    else this.#tell(lane);
  }

  #explain(why: { readonly name: string; readonly lane: string; readonly reason: string }): void {
    if (why.lane !== this.#lane || !this.#waiting.has(why.name)) return;
    this.#waiting.set(why.name, why.reason);
    this.#tell(why.lane);
  }

  #tell(lane: string): void {
    const reasons = [...this.#waiting.values()].filter((reason) => reason !== '');
    if (reasons.length > 0) this.#wal.explainBar(lane, reasons.join('; '));
  }
}
