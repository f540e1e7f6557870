import type { Clock } from './clock.ts';

/** How far something is. */
export interface Measure {
  /** 0 to 1. */
  readonly progress: number;
  readonly done: number;
}

export interface ProgressTold extends Measure {
  readonly perSecond: number;
  /** Null while what was done says nothing of what is left. */
  readonly etaSeconds: number | null;
}

interface Sample extends Measure {
  readonly ms: number;
}

const INTERVAL_MS = 1_000;
/** The rate is that of so long. */
const WINDOW_MS = 15_000;
/** What the rate of a shorter time, or of a smaller share, says of the rest may be wrong by orders of magnitude. */
const SHARE_MIN = 0.01;

/** Tells once a second how far something is, how fast it goes and when it ends at that speed. */
export class Progress {
  readonly #clock: Clock;
  readonly #report: (told: ProgressTold) => void;
  readonly #measure: () => Measure;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(options: {
    readonly clock: Clock;
    readonly report: (told: ProgressTold) => void;
    readonly measure: () => Measure;
  }) {
    this.#clock = options.clock;
    this.#report = options.report;
    this.#measure = options.measure;
    this.#sample();
    this.#timer = setInterval(() => this.#tell(), INTERVAL_MS);
  }

  /** Tells once more, how it ended. */
  end(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const { progress, done, ms } = this.#sample();
    const [first = { ms, progress, done }] = this.#samples;
    const seconds = (ms - first.ms) / 1_000;
    const gained = progress - first.progress;
    const isTelling = gained > 0 && (gained >= SHARE_MIN || ms - first.ms >= WINDOW_MS);
    this.#report({
      progress,
      done,
      // What goes back to an earlier place is not negative.
      perSecond: seconds > 0 ? Math.max(0, Math.round((done - first.done) / seconds)) : 0,
      etaSeconds: isTelling ? Math.round(((1 - progress) / gained) * seconds) : null,
    });
  }

  #sample(): Sample {
    const sample = { ms: this.#clock.monotonicMs(), ...this.#measure() };
    this.#samples.push(sample);
    while (isStale(this.#samples[1], sample.ms)) this.#samples.shift();
    return sample;
  }
}

/** Whether what is before `next` says nothing of the rate: it is too old, or nothing was under way yet. */
function isStale(next: Sample | undefined, nowMs: number): boolean {
  return next !== undefined && (next.ms < nowMs - WINDOW_MS || next.done === 0);
}
