/** A primary that handled nothing for so long is not waited for when much waits for it. */
const STALLED_MS = 300;

/** Whether the primary handles nothing any more while much waits for its answer. Times are monotonic. */
export class StallWatch {
  /** When the primary last handled something, or was first waited for. */
  #progressMs = 0;
  /** Whether much has waited for its answer since. */
  #isPressed = false;

  /** It is waited for, from now on. */
  begin(nowMs: number): void {
    this.#progressMs = nowMs;
  }

  /** It has handled something. */
  progressed(nowMs: number): void {
    this.#progressMs = nowMs;
    this.#isPressed = false;
  }

  /** Much waits for its answer. */
  pressed(): void {
    this.#isPressed = true;
  }

  isStalled(nowMs: number): boolean {
    return this.#isPressed && nowMs - this.#progressMs > STALLED_MS;
  }
}
