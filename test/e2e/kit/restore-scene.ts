import { join } from 'node:path';
import type { Tsd } from '../../../scripts/stack/opentsdb.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { Fabricated } from '../../restore/kit/fabricated.ts';
import { stateAt } from '../../restore/kit/history.ts';
import { below, type History, randomHistory, randomObjects } from './random-history.ts';
import { type RestoreEnd, RestoreProcess } from './restore-process.ts';
import { seededRandom } from './run.ts';
import { type State, storedDifferences } from './stored-state.ts';

/** Names of random histories have characters that OpenTSDB takes only when told to. */
export const SPECIAL_CHARACTERS = { 'tsd.core.tag.allow_specialchars': '% ,=' };

/** A random history, with names of its own, in a repository; and the work directory of the restores from it. */
export class RestoreScene implements AsyncDisposable {
  readonly seed: number;
  readonly history: History;
  readonly random: () => number;
  readonly #made: Fabricated;
  readonly #temp: TempDirectory;

  private constructor(
    seed: number,
    random: () => number,
    parts: {
      readonly history: History;
      readonly made: Fabricated;
      readonly temp: TempDirectory;
    },
  ) {
    this.seed = seed;
    this.random = random;
    this.history = parts.history;
    this.#made = parts.made;
    this.#temp = parts.temp;
  }

  /** A random history of so many records in each lane. */
  static async make(seed: number, records: number): Promise<RestoreScene> {
    const random = seededRandom(seed);
    return this.of(randomHistory(random, { prefix: `r${seed}.`, records }), seed, random);
  }

  static async of(history: History, seed = 0, random = seededRandom(seed)): Promise<RestoreScene> {
    const made = await Fabricated.create();
    await made.write(history.lanes, randomObjects(random));
    return new RestoreScene(seed, random, { history, made, temp: await tempDirectory('restore') });
  }

  get repository(): string {
    return this.#made.repository.place;
  }

  get work(): string {
    return join(this.#temp.path, 'work');
  }

  /** A time at which something was received, or the millisecond before one. */
  someTime(): number {
    const { lanes, startMs, safeMs } = this.history;
    const times = lanes.flatMap(({ records }) => records.map(({ receivedAt }) => receivedAt));
    const atMs = (times[below(this.random, times.length)] ?? 0) - below(this.random, 2);
    return Math.min(Math.max(atMs, startMs), safeMs);
  }

  stateAt(toMs: number): State {
    return stateAt(this.history.lanes, toMs);
  }

  /** Starts the command, into an OpenTSDB that other histories may be in, too; `to`: as on the command line. */
  start(
    to: number | string,
    target: string | undefined,
    more: readonly string[] = [],
  ): RestoreProcess {
    const place = ['--repository', this.repository, '--work', this.work, '--to', String(to)];
    const targets = target === undefined ? [] : ['--target', target, '--allow-other-metrics'];
    return RestoreProcess.start([...place, ...targets, ...more]);
  }

  async restore(
    to: number | string,
    target: string | undefined,
    more: readonly string[] = [],
  ): Promise<RestoreEnd> {
    return this.start(to, target, more).end();
  }

  /**
   * Empty when the restore says that all is well, and OpenTSDB's own scan shows the state at the time and nothing else;
   * otherwise what is wrong, and how to see it again.
   */
  async faults({ code, result, stderr }: RestoreEnd, tsd: Tsd, toMs: number): Promise<string[]> {
    const state = this.stateAt(toMs);
    const faults = await storedDifferences(tsd, this.history.metrics, state);
    if (code !== 0 || result?.outcome !== 'restored') faults.push(`it ended with ${code}`);
    const { cells, exact = 0, inexact = 0 } = result?.verification ?? {};
    if (cells !== state.size || exact + inexact !== cells) {
      faults.push(`of ${state.size} cells it found ${exact + inexact} right among ${cells}`);
    }
    return faults.length === 0 ? [] : [...faults, `seed ${this.seed}, --to ${toMs}: ${stderr}`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made[Symbol.asyncDispose]();
    await this.#temp[Symbol.asyncDispose]();
  }
}
