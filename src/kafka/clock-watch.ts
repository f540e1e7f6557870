import type { Clock } from '../runtime/clock.ts';
import { ClockOffsets, type ClockVerdict } from './clock-offsets.ts';
import type { OtherLanes } from './other-lanes.ts';

export interface ClockWatchOptions {
  readonly others: Pick<OtherLanes, 'listen'>;
  readonly clock: Clock;
  readonly boundMs: number;
  readonly ownLane: () => string;
  /** Called at each change. */
  readonly onVerdict: (verdict: ClockVerdict) => void;
}

/** It is listened more often until something is known. */
const PAUSE_MS = 20_000;
const FIRST_PAUSE_MS = 500;
const FIRST_ROUNDS = 10;

/** Listens now and then to what other proxies send, and tells whether their clocks and this one agree. */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #offsets = new ClockOffsets();
  #verdict: ClockVerdict = { kind: 'agrees', offsetMs: 0 };

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  get verdict(): ClockVerdict {
    return this.#verdict;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, others } = this.#options;
    for (let round = 1; !signal.aborted; round += 1) {
      try {
        await others.listen(({ lane, host, sentAt }) => {
          if (sentAt === undefined) return;
          const now = { cameAt: clock.now(), atMs: clock.monotonicMs() };
          this.#offsets.note({ lane, host, sentAt, ...now });
        }, signal);
        this.#judge();
      } catch {
        // That Kafka is away is told by those who need it for more; what is known of the clocks stands meanwhile.
      }
      await clock.sleep(round < FIRST_ROUNDS ? FIRST_PAUSE_MS : PAUSE_MS, signal);
    }
  }

  #judge(): void {
    const { clock, ownLane, boundMs, onVerdict } = this.#options;
    const before = this.#verdict;
    this.#verdict = this.#offsets.judge(ownLane(), boundMs, clock.monotonicMs());
    if (describe(before) !== describe(this.#verdict)) onVerdict(this.#verdict);
  }
}

function describe(verdict: ClockVerdict): string {
  return verdict.kind === 'agrees' ? '' : `${verdict.isOurs} ${verdict.host}`;
}
