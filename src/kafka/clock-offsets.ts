/** How this clock stands to those of the other proxies of a topic; `offsetMs` is how much it is ahead. */
export type ClockVerdict =
  | { readonly kind: 'agrees'; readonly offsetMs: number }
  /** `isOurs`: it is this one that is to be put right. */
  | {
      readonly kind: 'differs';
      readonly offsetMs: number;
      readonly host: string;
      readonly isOurs: boolean;
    };

interface Heard {
  readonly host: string;
  readonly samples: { readonly ms: number; readonly atMs: number }[];
}

/** A message is delayed on its way by what a clock seems to be ahead: the least of so many tells. */
const SAMPLES_MIN = 10;
const SAMPLES_MAX = 60;
/** Older ones don't count: clocks drift, and are put right. */
const AGE_MS_MAX = 180_000;
/** A lane says something each second, and is listened to every 20 s: after a restart the one before must not count beside the new one. */
const SILENT_MS_MAX = 50_000;

/**
 * Compares this clock with the others', by the moments at which their messages say that they were sent and those at which they came. A
 * message can't come before it is sent: a clock that is behind shows at once, and one that is ahead by the quickest of some messages.
 */
export class ClockOffsets {
  readonly #lanes = new Map<string, Heard>();

  /** A message of another lane came. Both epoch ms; `atMs` of a monotonic clock. */
  note(message: {
    readonly lane: string;
    readonly host: string;
    readonly sentAt: number;
    readonly cameAt: number;
    readonly atMs: number;
  }): void {
    const { lane, host, sentAt, cameAt, atMs } = message;
    const heard = this.#lanes.get(lane) ?? { host, samples: [] };
    this.#lanes.set(lane, heard);
    heard.samples.push({ ms: cameAt - sentAt, atMs });
    if (heard.samples.length > SAMPLES_MAX) heard.samples.shift();
  }

  /**
   * The middle of all clocks is right. Where as many are on one side as on the other, as of two proxies, nobody can tell which is wrong,
   * and one must go on taking writes: it is the side of the lane whose name comes first.
   */
  judge(ownLane: string, boundMs: number, nowMs: number): ClockVerdict {
    this.#forget(nowMs);
    const others = this.#offsets();
    if (others.length === 0) return { kind: 'agrees', offsetMs: 0 };
    const farthest = others.reduce((a, b) => (Math.abs(b.ms) > Math.abs(a.ms) ? b : a));
    const middleMs = middleOf([{ lane: ownLane, ms: 0 }, ...others], boundMs);
    const isOurs = Math.abs(middleMs) > boundMs;
    const offsetMs = isOurs ? middleMs : farthest.ms;
    if (Math.abs(offsetMs) <= boundMs) return { kind: 'agrees', offsetMs };
    return { kind: 'differs', offsetMs, host: farthest.host, isOurs };
  }

  #forget(nowMs: number): void {
    for (const [lane, { samples }] of this.#lanes) {
      while (samples[0] !== undefined && nowMs - samples[0].atMs > AGE_MS_MAX) samples.shift();
      const heardMs = samples.at(-1)?.atMs ?? -Infinity;
      if (nowMs - heardMs > SILENT_MS_MAX) this.#lanes.delete(lane);
    }
  }

  #offsets(): { readonly lane: string; readonly host: string; readonly ms: number }[] {
    return [...this.#lanes]
      .map(([lane, { host, samples }]) => {
        const ms = Math.min(...samples.map((one) => one.ms));
        return { lane, host, ms, isKnown: ms < 0 || samples.length >= SAMPLES_MIN };
      })
      .filter(({ isKnown }) => isKnown);
  }
}

interface Offset {
  readonly lane: string;
  readonly ms: number;
}

/** Of two that are in the middle, the one nearer to 0; when they are farther apart than the bound, that of the side with the first lane. */
function middleOf(offsets: readonly Offset[], boundMs: number): number {
  const sorted = offsets.toSorted((a, b) => a.ms - b.ms);
  const half = Math.floor((sorted.length - 1) / 2);
  const below = sorted[half]?.ms ?? 0;
  const above = sorted[Math.ceil((sorted.length - 1) / 2)]?.ms ?? 0;
  if (above - below <= boundMs) return Math.abs(below) < Math.abs(above) ? below : above;
  const first = sorted.reduce((a, b) => (b.lane < a.lane ? b : a));
  return sorted.indexOf(first) <= half ? below : above;
}
