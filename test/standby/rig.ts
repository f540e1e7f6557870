import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FollowerState } from '../../src/follow/follower.ts';
import type { Hole } from '../../src/record/control.ts';
import type { Fork } from '../../src/record/fork.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Gate } from '../../src/standby/arrivals/gate.ts';
import { LogSource } from '../../src/standby/source/log-source.ts';
import { beginningAt, type Place } from '../../src/standby/place.ts';
import { Standby } from '../../src/standby/standby.ts';
import type { StandbySource } from '../../src/standby/source/standby-source.ts';
import { StateDirectory, type StandbyState } from '../../src/standby/target/state-directory.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { PublishedLog } from '../../src/wal/published-log.ts';
import { until } from '../kit/until.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { TestLog } from '../kit/wal-log.ts';

const FLUSH_MS = 30;

export interface StartOptions {
  readonly delayMs?: number;
  readonly stopAtMs?: number;
  /** What the target contains, when its state tells nothing yet. */
  readonly begin?: Place;
  readonly source?: StandbySource;
  /** Where it finds the target, when not at the fake itself. */
  readonly target?: URL;
  readonly vet?: (state: StateDirectory) => Promise<string | undefined>;
}

/** A log that is written, a standby that follows it, and the fake OpenTSDB that it feeds. */
export class StandbyRig implements AsyncDisposable {
  readonly tsd: FakeTsd;
  readonly holes: Hole[] = [];
  readonly agains: string[] = [];
  readonly forks: Fork[] = [];
  /** The last record that it read. */
  takenSeq = 0;
  readonly states: FollowerState['kind'][] = [];
  log: TestLog;
  readonly #folder: TempDirectory;
  readonly #lock: DirectoryLock;
  readonly #clock: Clock;
  #standby: Standby | undefined;
  #state: StateDirectory | undefined;
  #stop = new AbortController();
  #running: Promise<'stopped' | 'promoted' | 'reached' | undefined> = Promise.resolve(undefined);

  private constructor(
    parts: { readonly tsd: FakeTsd; readonly folder: TempDirectory; readonly lock: DirectoryLock },
    log: TestLog,
    clock: Clock,
  ) {
    this.tsd = parts.tsd;
    this.log = log;
    this.#folder = parts.folder;
    this.#lock = parts.lock;
    this.#clock = clock;
  }

  static async open(clock: Clock = systemClock): Promise<StandbyRig> {
    const tsd = await FakeTsd.start();
    tsd.settings['tsd.storage.flush_interval'] = String(FLUSH_MS);
    tsd.storage.start(FLUSH_MS);
    const folder = await tempDirectory('standby');
    await mkdir(join(folder.path, 'data'));
    const lock = await DirectoryLock.acquire(join(folder.path, 'data'));
    const log = await TestLog.open(join(folder.path, 'data', 'wal'), { clock });
    return new StandbyRig({ tsd, folder, lock }, log, clock);
  }

  get data(): string {
    return join(this.#folder.path, 'data');
  }

  get statePath(): string {
    return join(this.#folder.path, 'state');
  }

  get standby(): Standby {
    if (this.#standby === undefined) throw new Error('no standby runs');
    return this.#standby;
  }

  async start(options: StartOptions = {}): Promise<void> {
    const target = options.target ?? new URL(this.tsd.url);
    const state = await StateDirectory.open(this.statePath, target, false);
    const { delayMs = 0, stopAtMs = Infinity } = options;
    const { isPaused, place = options.begin ?? beginningAt(null) } = state.state;
    const source = options.source ?? new LogSource(await PublishedLog.open(this.data));
    await source.seek(place);
    const standby = new Standby({
      target,
      source,
      state,
      place,
      gate: new Gate({ delayMs, stopAtMs, isPaused }),
      clock: this.#clock,
      limits: {
        requestTimeoutMs: 2_000,
        syncTimeoutMs: 1_000,
        healWindowMs: 300,
        batchPointsMax: 500,
        batchBytesMax: 65_536,
      },
      events: {
        state: ({ kind }) => this.states.push(kind),
        facts: () => undefined,
        resumed: () => undefined,
        doubted: () => undefined,
        mended: () => undefined,
        unsettled: () => undefined,
        answered: () => undefined,
        hole: (hole) => this.holes.push(hole),
        again: (reason) => this.agains.push(reason),
        trouble: () => undefined,
        taken: ({ lastSeq }) => (this.takenSeq = lastSeq),
        forked: (fork) => this.forks.push(fork),
        deadLetters: () => undefined,
        unsaved: () => undefined,
      },
      vet: async () => options.vet?.(state),
    });
    this.#standby = standby;
    this.#state = state;
    this.#stop = new AbortController();
    this.#running = standby.run(this.#stop.signal);
    // It may end while a test is still on its way to ask how.
    this.#running.catch(() => undefined);
  }

  /** Ends it, whatever is under way, as a kill would: nothing more is written down. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#state?.close();
    this.#state = undefined;
    this.#standby = undefined;
  }

  /** Resolves when it ends by itself. */
  async ended(): Promise<'stopped' | 'reached' | 'promoted' | undefined> {
    try {
      return await this.#running;
    } finally {
      this.#running = Promise.resolve(undefined);
      await this.#state?.close();
      this.#state = undefined;
    }
  }

  /** Why its state can't be followed on; null: it can. */
  async forked(): Promise<string | null> {
    return (await this.#written()).forked;
  }

  /** The forks that its state tells of, by their ids; nothing runs meanwhile. */
  async knownForks(): Promise<string[]> {
    return (await this.#written()).forks.map(({ id }) => id);
  }

  async #written(): Promise<StandbyState> {
    const state = await StateDirectory.open(this.statePath, new URL(this.tsd.url), false);
    await state.close();
    return state.state;
  }

  /** Resolves once the target surely contains all that is in the log now. */
  async contained(): Promise<void> {
    const { lane, seq } = this.log.wal.durable;
    const holds = (): boolean => (this.standby.place.lanes.get(lane)?.seq ?? 0) >= seq;
    await until(holds, 'contained');
  }

  /** Another process goes on with the log. */
  async reopenLog(): Promise<void> {
    await this.log.wal.close();
    this.log = await TestLog.open(join(this.data, 'wal'), { clock: this.#clock });
  }

  /** The values that the target got for a metric, in the order of their coming. */
  values(metric: string): string[] {
    return this.tsd.points.filter((point) => point.metric === metric).map(({ value }) => value);
  }

  /** Dead letters, as they were written. */
  async letters(): Promise<Record<string, unknown>[]> {
    const folder = join(this.statePath, 'dead-letters');
    const names = await readdir(folder).catch(() => []);
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
    return texts
      .flatMap((text) => text.split('\n').slice(0, -1))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.log.wal.close();
    await this.#lock.release();
    await this.tsd[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}
