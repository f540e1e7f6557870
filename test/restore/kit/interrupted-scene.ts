import { join } from 'node:path';
import { systemClock } from '../../../src/runtime/clock.ts';
import { restore } from '../../../src/restore/restore.ts';
import type {
  RestoreEvent,
  RestoreRequest,
  RestoreResult,
} from '../../../src/restore/restore-request.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { Fabricated } from './fabricated.ts';
import { START_MS } from './histories.ts';
import type { MadeLane, MadeRecord } from './history.ts';

const LANE = 'a'.repeat(16);
const REFUSED = { lane: LANE, seq: 2, refused: [{ index: 0, error: 'unknown metric' }] };
const RECORDS: readonly MadeRecord[] = [
  put(0, 'put m 1500000000 1 h=a'),
  put(2, 'put x 1500000000 1 h=a'),
  { receivedAt: START_MS + 10, transport: 'log', lines: ['!tick {}'] },
  { receivedAt: START_MS + 20, transport: 'log', lines: [`!outcome ${JSON.stringify(REFUSED)}`] },
];

/** Of `m`, and of `x` two milliseconds later, and an OpenTSDB into which restores are interrupted; by default to when both are there. */
export class InterruptedScene implements AsyncDisposable {
  readonly tsd: FakeTsd;
  readonly #made: Fabricated;
  readonly #temp: TempDirectory;
  readonly events: RestoreEvent[] = [];

  private constructor(tsd: FakeTsd, made: Fabricated, temp: TempDirectory) {
    this.tsd = tsd;
    this.#made = made;
    this.#temp = temp;
  }

  static async open(records = RECORDS): Promise<InterruptedScene> {
    const made = await Fabricated.create();
    const lane: MadeLane = { lane: LANE, records };
    await made.write([lane], () => [{ level: 'minute', firstSeq: 1, lastSeq: 3 }]);
    return new InterruptedScene(await FakeTsd.start(), made, await tempDirectory('changed-state'));
  }

  get work(): string {
    return join(this.#temp.path, 'a', 'work');
  }

  /** Whether there was such an event. */
  told(name: RestoreEvent['event']): boolean {
    return this.events.some(({ event }) => event === name);
  }

  /** A run that ends before it has written anything that it knows of. */
  async interrupted(more: Partial<RestoreRequest> = {}): Promise<RestoreResult> {
    const stop = new AbortController();
    this.tsd.faults.cut = () => {
      stop.abort();
      return 'before';
    };
    try {
      return await this.restore(more, stop);
    } finally {
      delete this.tsd.faults.cut;
    }
  }

  store(metric: string): void {
    const point = { transport: 'http', metric, timestamp: '1500000000', value: '1' } as const;
    this.tsd.storage.write({ ...point, tags: { h: 'a' } });
    this.tsd.storage.flush();
  }

  /** The primary is back, and refuses a point. */
  async refuse(): Promise<void> {
    const lane = { lane: LANE, records: RECORDS };
    await this.#made.writeObject(lane, { level: 'minute', firstSeq: 4, lastSeq: 4 });
  }

  /** Later records, which tell of nothing. */
  async tick(): Promise<void> {
    const ticks = [30, 40].map((ms): MadeRecord => {
      return { receivedAt: START_MS + ms, transport: 'log', lines: ['!tick {}'] };
    });
    const lane = { lane: LANE, records: [...RECORDS.slice(0, 3), ...ticks] };
    await this.#made.writeObject(lane, { level: 'minute', firstSeq: 4, lastSeq: 5 });
  }

  /** `onEvent`: may abort it. */
  restore(
    more: Partial<RestoreRequest> = {},
    { signal }: { readonly signal: AbortSignal } = new AbortController(),
    onEvent: (event: RestoreEvent) => void = () => undefined,
  ): Promise<RestoreResult> {
    return restore({
      clock: systemClock,
      signal,
      report: (event) => {
        this.events.push(event);
        onEvent(event);
      },
      request: {
        repository: this.#made.repository.place,
        data: undefined,
        target: new URL(this.tsd.url),
        to: { kind: 'at', ms: START_MS + 5 },
        isDryRun: false,
        rate: Infinity,
        isOnlyConfirmed: false,
        allowHoles: false,
        isVerified: true,
        allowOtherMetrics: false,
        work: this.work,
        memoryMb: 200,
        threads: 1,
        ...more,
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tsd[Symbol.asyncDispose]();
    await this.#made[Symbol.asyncDispose]();
    await this.#temp[Symbol.asyncDispose]();
  }
}

export function put(ms: number, ...lines: readonly string[]): MadeRecord {
  return { receivedAt: START_MS + ms, transport: 'http', lines };
}
