/** Acts one after the other, in the order in which they were asked for; one that fails keeps nobody from the next. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();
  #open = 0;

  /** Nothing is under way, and nothing waits. */
  get isIdle(): boolean {
    return this.#open === 0;
  }

  /** What the act resolves to, or rejects with, when its turn has come. */
  run<T>(act: () => Promise<T>): Promise<T> {
    this.#open += 1;
    const turn = this.#last.then(act).finally(() => (this.#open -= 1));
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
