/** What has to be ended when the demonstration ends, however it ends: the last begun first. */
export class Endings {
  readonly #endings: (() => Promise<void>)[] = [];

  add(end: () => Promise<void>): void {
    this.#endings.push(end);
  }

  /** Ends all, also when one of them fails; resolves to what went wrong. */
  async run(): Promise<readonly string[]> {
    const failures: string[] = [];
    for (let end = this.#endings.pop(); end !== undefined; end = this.#endings.pop()) {
      await end().catch((error: unknown) => failures.push(String(error)));
    }
    return failures;
  }
}
