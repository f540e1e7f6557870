/** Lets whoever waits go on early when something new is told: one wait at a time. */
export class Wake {
  #end: (() => void) | undefined;

  tell(): void {
    this.#end?.();
  }

  /** What `other` resolves to, or undefined when something is told before. */
  async until<Result>(other: Promise<Result>): Promise<Result | undefined> {
    const told = new Promise<undefined>((resolve) => (this.#end = () => resolve(undefined)));
    try {
      return await Promise.race([other, told]);
    } finally {
      this.#end = undefined;
    }
  }

  async untilTold(): Promise<void> {
    await new Promise<void>((resolve) => (this.#end = resolve));
    this.#end = undefined;
  }
}
