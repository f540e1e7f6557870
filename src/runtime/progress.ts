import type { Clock } from './clock.ts';

/** How far something is. */
export interface Measure {
  /** 0 to 1. */
  readonly progress: number;
  readonly done: number;
}

export interface ProgressTold extends Measure {
  readonly perSecond: number;
  readonly etaSeconds: number | null;
}

interface Sample extends Measure {
  readonly ms: number;
}

const INTERVAL_MS = 1_000;
/** The rate is that of so long. */
const WINDOW_MS = 15_000;

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
    this.#report({
      progress,
      done,
      perSecond: seconds > 0 ? Math.round((done - first.done) / seconds) : 0,
      etaSeconds: gained > 0 ? Math.round(((1 - progress) / gained) * seconds) : null,
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
