const SERIES_MIN = 2_048;
const SERIES_MAX = 262_144;

/**
 * The latest instant of each series that was written within a while, for so many series as fit.
 *
 * Entries stand in the order in which series came first. Clients send theirs in the same order each time, so the entry
 * is nearly always the one after the last: reading on is many times faster than going to a place in memory that only
 * a hash tells, and with 60,000 series that was the most expensive step of a write.
 */
export class SeriesClock {
  readonly #seriesMax: number;
  #count = 0;
  /** Four words an entry: both of the series' fingerprint, then two of `#instants`. */
  #words = new Uint32Array(0);
  /** The same memory. */
  #instants = new Float64Array(0);
  /** By hash: the number of an entry and one; 0: none. Twice as many as entries. */
  #slots = new Uint32Array(0);
  /** The entry that is tried first. */
  #next = 0;

  /** `seriesMax`: of so many series it holds, a power of two. */
  constructor(seriesMax = SERIES_MAX) {
    this.#seriesMax = seriesMax;
    this.#allocate(SERIES_MIN);
  }

  /** Whether no new series can be noted any more. */
  get isFull(): boolean {
    return this.#count >= this.#seriesMax;
  }

  /**
   * Notes that a series goes on at an instant (above 0); true when that is later than all before it, here and in the
   * clock of the while before, if any. Not while it is full.
   */
  advance(high: number, low: number, instant: number, older?: SeriesClock): boolean {
    const known = this.#find(high, low);
    const before =
      known < 0 ? (older?.latest(high, low) ?? 0) : (this.#instants[2 * known + 1] ?? 0);
    const entry = known < 0 ? this.#add(high, low) : known;
    const isLater = instant > before;
    this.#instants[2 * entry + 1] = isLater ? instant : before;
    this.#next = entry + 1;
    return isLater;
  }

  /** The latest instant of a series; 0 when it is not known. */
  latest(high: number, low: number): number {
    const entry = this.#find(high, low);
    if (entry < 0) return 0;
    this.#next = entry + 1;
    return this.#instants[2 * entry + 1] ?? 0;
  }

  /** Its memory serves again, unless so much is not needed. */
  clear(): void {
    const entries = this.#slots.length / 2;
    if (this.#count < entries / 8 && entries > SERIES_MIN) {
      this.#allocate(Math.max(SERIES_MIN, entries / 4));
    } else if (this.#count > 0) this.#slots.fill(0);
    this.#count = 0;
    this.#next = 0;
  }

  /** The entry of a series; -1 when it has none. */
  #find(high: number, low: number): number {
    const words = this.#words;
    const next = this.#next;
    if (next < this.#count && words[4 * next] === high && words[4 * next + 1] === low) return next;
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = high & last; ; slot = (slot + 1) & last) {
      const entry = (slots[slot] ?? 0) - 1;
      if (entry < 0 || (words[4 * entry] === high && words[4 * entry + 1] === low)) return entry;
    }
  }

  #add(high: number, low: number): number {
    if (this.#count === this.#slots.length / 2) this.#grow();
    const entry = this.#count;
    this.#words[4 * entry] = high;
    this.#words[4 * entry + 1] = low;
    this.#count += 1;
    this.#enter(entry);
    return entry;
  }

  #enter(entry: number): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    let slot = (this.#words[4 * entry] ?? 0) & last;
    while (slots[slot] !== 0) slot = (slot + 1) & last;
    slots[slot] = entry + 1;
  }

  #grow(): void {
    const words = this.#words;
    this.#allocate(this.#slots.length);
    this.#words.set(words);
    for (let entry = 0; entry < this.#count; entry += 1) this.#enter(entry);
  }

  #allocate(entries: number): void {
    const memory = new ArrayBuffer(entries * 16);
    this.#words = new Uint32Array(memory);
    this.#instants = new Float64Array(memory);
    this.#slots = new Uint32Array(entries * 2);
  }
}
