import type { QueryClient } from '../opentsdb/query-client.ts';
import { readServerFacts } from '../opentsdb/server-facts.ts';
import type { WorkDirectory } from '../restore/work-directory/work-directory.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CompareEvent, CompareRequest, RepairResult } from './compare-request.ts';
import type { JudgedDifference } from './difference-journal.ts';
import { mend } from './mend.ts';
import { MendFile } from './mend-file.ts';
import { type LogLimits, type Mend, planMend } from './plan-mend.ts';

export interface RepairOptions {
  readonly target: URL;
  readonly request: NonNullable<CompareRequest['repair']>;
  readonly logLimits: LogLimits;
  readonly work: WorkDirectory;
  readonly clock: Clock;
  readonly report: (event: CompareEvent) => void;
  readonly signal: AbortSignal;
}

/** Plans what is sent to the target, and sends it. */
export class Repair {
  readonly #options: RepairOptions;
  readonly #file: MendFile;
  readonly #fixesDuplicates: boolean;
  #refused = 0;

  private constructor(options: RepairOptions, file: MendFile, fixesDuplicates: boolean) {
    this.#options = options;
    this.#file = file;
    this.#fixesDuplicates = fixesDuplicates;
  }

  /** A target that doesn't show its configuration counts as one that fixes no duplicates. */
  static async open(options: RepairOptions, client: Pick<QueryClient, 'get'>): Promise<Repair> {
    const config = await client.get('/api/config').catch(() => undefined);
    const { fixDuplicates = false } = readServerFacts(config, undefined);
    return new Repair(options, await MendFile.create(options.work.ranges), fixDuplicates);
  }

  get result(): Omit<RepairResult, 'left'> {
    const { isDryRun } = this.#options.request;
    return { isDryRun, ...this.#file.counts, refused: this.#refused };
  }

  /** What is done about each point of a difference; it is noted to be sent. */
  async plan({ difference, answers }: JudgedDifference): Promise<readonly Mend[]> {
    const known = { fixesDuplicates: this.#fixesDuplicates, log: this.#options.logLimits };
    const mends = difference.points.map((point, index) =>
      planMend(difference, point, answers.get(index), known),
    );
    await this.#file.add(mends);
    return mends;
  }

  /** Resolves to whether something was sent and is stored now. Rejects when the signal aborts. */
  async send(): Promise<boolean> {
    const { target, request, work, clock, report, signal } = this.#options;
    const { log, api } = this.#file.counts;
    if (request.isDryRun || log + api === 0) return false;
    const isStored = await mend(
      {
        target,
        file: this.#file,
        folder: work.ranges,
        rate: request.rate,
        clock,
        onProgress: (told) => report({ event: 'progress', phase: 'mending', ...told }),
        onState: (state, reason) => report({ event: 'state', state, reason }),
        onRefused: (line, error) => {
          this.#refused += 1;
          report({ event: 'refused', line, error });
        },
      },
      signal,
    );
    signal.throwIfAborted();
    return isStored;
  }
}
