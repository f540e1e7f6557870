import type { TopicRead } from '../record/topic-read.ts';

export interface QueuedRead {
  readonly partition: number;
  /** Of the next message of the partition. */
  readonly nextOffset: number;
  /** Of its body. */
  readonly bytes: number;
  readonly read: TopicRead;
}

/** What was fetched and is not given yet, in its order: a bounded memory between those who fetch and the one who takes. */
export class ReadQueue {
  readonly #bytesMax: number;
  #reads: QueuedRead[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #awaitingRoom: (() => void)[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  holds(partition: number): boolean {
    return this.#reads.some((queued) => queued.partition === partition);
  }

  /** Whoever fetches waits for room before, so that it is exceeded by what is under way then. */
  push(read: QueuedRead): void {
    this.#reads.push(read);
    this.#bytes += read.bytes;
    this.#wake?.();
  }

  shift(): QueuedRead | undefined {
    const queued = this.#reads.shift();
    if (queued === undefined) return undefined;
    this.#bytes -= queued.bytes;
    this.#tellRoom();
    return queued;
  }

  clear(): void {
    this.#reads = [];
    this.#bytes = 0;
    this.#tellRoom();
  }

  /** Resolves once there is something to take, or one of the signals aborts. One waits at a time. */
  async untilFilled(signals: readonly AbortSignal[]): Promise<void> {
    if (this.#reads.length > 0) return;
    const wake = (): void => this.#wake?.();
    for (const signal of signals) signal.addEventListener('abort', wake, { once: true });
    try {
      while (this.#reads.length === 0 && !signals.some(({ aborted }) => aborted)) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#wake = undefined;
      for (const signal of signals) signal.removeEventListener('abort', wake);
    }
  }

  /** Resolves once there is room, or the signal aborts. */
  async untilRoom(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#hasRoom) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#awaitingRoom.push(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  get #hasRoom(): boolean {
    return this.#bytes < this.#bytesMax;
  }

  #tellRoom(): void {
    if (this.#awaitingRoom.length === 0 || !this.#hasRoom) return;
    for (const resolve of this.#awaitingRoom.splice(0)) resolve();
  }
}
