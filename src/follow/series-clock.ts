const ENTRIES_MIN = 4_096;
/** Of sixteen bytes. */
const ENTRIES_MAX = 262_144;
const FILL_MAX = 0.6;

/** The latest instant of each series that was written within a while, for so many series as fit. */
export class SeriesClock {
  #count = 0;
  /** Both words of the series' fingerprint, then two words of `#instants`. */
  #words = new Uint32Array(0);
  /** The same memory: the instant of an entry, which is 0 in a free one. */
  #instants = new Float64Array(0);

  constructor() {
    this.#allocate(ENTRIES_MIN);
  }

  /** Whether no new series can be noted any more. */
  get isFull(): boolean {
    return this.#count >= ENTRIES_MAX * FILL_MAX;
  }

  /**
   * Notes that a series goes on at an instant (above 0); true when that is later than all before it, here and in the
   * clock of the while before. Not while it is full.
   */
  advance(high: number, low: number, instant: number, older: SeriesClock): boolean {
    const at = this.#find(high, low);
    const own = this.#instants[at + 1] ?? 0;
    const before = own === 0 ? older.latest(high, low) : own;
    const isLater = instant > before;
    this.#instants[at + 1] = isLater ? instant : before;
    if (own !== 0) return isLater;
    this.#words[2 * at] = high;
    this.#words[2 * at + 1] = low;
    this.#count += 1;
    if (this.#count > (this.#instants.length / 2) * FILL_MAX) this.#grow();
    return isLater;
  }

  /** Its memory serves again, unless so much is not needed. */
  clear(): void {
    const entries = this.#instants.length / 2;
    if (this.#count < entries / 8 && entries > ENTRIES_MIN) {
      this.#allocate(Math.max(ENTRIES_MIN, entries / 4));
    } else if (this.#count > 0) this.#words.fill(0);
    this.#count = 0;
  }

  /** The latest instant of a series; 0 when it is not known. */
  latest(high: number, low: number): number {
    return this.#count === 0 ? 0 : (this.#instants[this.#find(high, low) + 1] ?? 0);
  }

  #grow(): void {
    const words = this.#words;
    const instants = this.#instants;
    this.#allocate(instants.length);
    for (let at = 0; at < instants.length; at += 2) {
      const instant = instants[at + 1] ?? 0;
      if (instant === 0) continue;
      const high = words[2 * at] ?? 0;
      const low = words[2 * at + 1] ?? 0;
      const free = this.#find(high, low);
      this.#words[2 * free] = high;
      this.#words[2 * free + 1] = low;
      this.#instants[free + 1] = instant;
    }
  }

  #allocate(entries: number): void {
    const memory = new ArrayBuffer(entries * 16);
    this.#words = new Uint32Array(memory);
    this.#instants = new Float64Array(memory);
  }

  /** Where the entry of the series is in `#instants`, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const words = this.#words;
    const instants = this.#instants;
    const last = instants.length - 1;
    let at = (high << 1) & last;
    for (;;) {
      if (instants[at + 1] === 0 || (words[2 * at] === high && words[2 * at + 1] === low)) {
        return at;
      }
      at = (at + 2) & last;
    }
  }
}
