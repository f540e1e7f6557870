interface Waiter {
  readonly source: string;
  readonly bytes: number;
  readonly admitted: () => void;
}

const PRESSED = 0.25;
/** So much of the whole budget, and no more, is for those who wait: what they hold they may hold for as long as the log takes nothing. */
const PATIENT = 0.75;

/**
 * Budgets for bytes that were read and are not yet answered: one over all, one of that for those who wait, and one for
 * each source address. Nothing is refused by a budget of which nothing is in flight, and nobody overtakes who waits
 * for one that is shared: so no single piece is too big for ever.
 */
export class Admission {
  readonly #bytesMax: number;
  readonly #sourceBytesMax: number;
  readonly #bytesBySource = new Map<string, number>();
  #waiters: Waiter[] = [];
  readonly #onPressed: () => void;
  #bytes = 0;
  /** Of these, held by those who wait. */
  #patientBytes = 0;
  /** Someone waits for the whole budget: nobody overtakes. */
  #full = false;
  /** Someone waits for what those who wait may hold: no other who would wait overtakes. */
  #patientFull = false;

  /** `onPressed` is called at each taking that leaves a budget more than a quarter used. */
  constructor(
    limits: { inFlightBytesMax: number; sourceInFlightBytesMax: number },
    onPressed: () => void,
  ) {
    this.#bytesMax = limits.inFlightBytesMax;
    this.#sourceBytesMax = limits.sourceInFlightBytesMax;
    this.#onPressed = onPressed;
  }

  /** Bytes in flight now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the bytes if they fit; each taken byte must be released, likewise. `isPatient`: for one who waits when they don't. */
  tryAcquire(source: string, bytes: number, isPatient = false): boolean {
    if (this.#full || !this.#fits(bytes) || !this.#fitsSource(source, bytes)) return false;
    if (isPatient && (this.#patientFull || !this.#fitsPatient(bytes))) return false;
    this.take(source, bytes, isPatient);
    return true;
  }

  /** Takes the bytes whether they fit or not. */
  take(source: string, bytes: number, isPatient = false): void {
    const used = (this.#bytesBySource.get(source) ?? 0) + bytes;
    this.#bytes += bytes;
    if (isPatient) this.#patientBytes += bytes;
    this.#bytesBySource.set(source, used);
    const isPressed =
      used > this.#sourceBytesMax * PRESSED || this.#bytes > this.#bytesMax * PRESSED;
    if (isPressed) this.#onPressed();
  }

  release(source: string, bytes: number, isPatient = false): void {
    const left = (this.#bytesBySource.get(source) ?? 0) - bytes;
    if (left > 0) this.#bytesBySource.set(source, left);
    else this.#bytesBySource.delete(source);
    this.#bytes -= bytes;
    if (isPatient) this.#patientBytes -= bytes;
    if (this.#waiters.length > 0) this.#admitWaiting();
  }

  /** Calls back, later and in order of asking, once the bytes were taken. A caller waits for one thing at a time. */
  wait(source: string, bytes: number, admitted: () => void): void {
    this.#waiters.push({ source, bytes, admitted });
    if (!this.#fitsPatient(bytes)) this.#patientFull ||= this.#fitsSource(source, bytes);
    else if (!this.#fits(bytes)) this.#full = true;
  }

  /** Ends the wait that was begun with this callback. */
  cancel(admitted: () => void): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter.admitted !== admitted);
    this.#admitWaiting();
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  #fitsPatient(bytes: number): boolean {
    return this.#patientBytes === 0 || this.#patientBytes + bytes <= this.#bytesMax * PATIENT;
  }

  #fitsSource(source: string, bytes: number): boolean {
    const used = this.#bytesBySource.get(source);
    return used === undefined || used + bytes <= this.#sourceBytesMax;
  }

  /** A waiter held by its own budget is passed over; one held by that of all who wait, or by the whole one, stops those after it. */
  #admitWaiting(): void {
    const admitted: Waiter[] = [];
    const waiting: Waiter[] = [];
    this.#full = false;
    this.#patientFull = false;
    for (const waiter of this.#waiters) {
      const { source, bytes } = waiter;
      if (!this.#full && !this.#patientFull && this.#fitsSource(source, bytes)) {
        if (!this.#fitsPatient(bytes)) this.#patientFull = true;
        else if (!this.#fits(bytes)) this.#full = true;
        else {
          this.take(source, bytes, true);
          admitted.push(waiter);
          continue;
        }
      }
      waiting.push(waiter);
    }
    this.#waiters = waiting;
    for (const waiter of admitted) waiter.admitted();
  }
}
