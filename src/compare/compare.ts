import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUERY_MS_MAX, QueryClient } from '../opentsdb/query-client.ts';
import { WorkDirectory } from '../restore/work-directory/work-directory.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import type {
  CompareEvent,
  CompareRequest,
  CompareResult,
  DifferenceCounts,
  ComparePhase,
} from './compare-request.ts';
import type { ComparisonCounts } from './comparison.ts';
import { DifferenceJournal } from './difference-journal.ts';
import { lookUp } from './log-lookup.ts';
import { fitsPattern, listMetrics } from './metric-names.ts';
import type { LogLimits } from './plan-mend.ts';
import { Repair } from './repair.ts';
import { METRICS_MAX, sweep, type SweepOptions } from './sweep.ts';
import { tellDifference } from './tell-difference.ts';
import { TouchedHours } from './touched-hours.ts';

export interface CompareOptions {
  readonly request: CompareRequest;
  readonly clock: Clock;
  readonly report: (event: CompareEvent) => void;
  readonly signal: AbortSignal;
}

const QUERY_LIMITS = {
  requestTimeoutMs: 60_000,
  connectionsMax: METRICS_MAX * 2,
  answerBytesMax: 32 * 1024 * 1024,
} as const;
/** By then a log that is written to has a record that is later than what was looked at before: a tick, if nothing else. */
const LOG_LATE_MS = 3_000;
const NOTHING: ComparisonCounts = { points: { source: 0, target: 0 }, equal: 0, inexact: 0 };

/**
 * Compares two OpenTSDBs as their queries show them, and tells what differs. What differs is looked at twice, so that what was
 * merely under way is not told; when a repair is asked for, sends what the target lacks and looks once more. Throws TARGET_UNUSABLE when one of the two can't be asked; an abort is a result.
 */
export async function compare(options: CompareOptions): Promise<CompareResult> {
  const { request, report } = options;
  const base = await mkdtemp(join(tmpdir(), 'tsdb-wal-compare-'));
  const clients = {
    source: new QueryClient({ target: request.source, ...QUERY_LIMITS }),
    target: new QueryClient({ target: request.target, ...QUERY_LIMITS }),
  };
  try {
    const work = await WorkDirectory.open(base, ['compare']);
    const result = await new Run(options, clients, work).result();
    report(result);
    return result;
  } finally {
    await clients.source.close();
    await clients.target.close();
    await rm(base, { recursive: true, force: true });
  }
}

class Run {
  readonly #options: CompareOptions;
  readonly #clients: Readonly<Record<'source' | 'target', QueryClient>>;
  readonly #work: WorkDirectory;
  /** Epoch ms, both included. */
  readonly #bounds: { readonly fromMs: number; readonly toMs: number };
  /** What differs at the second look. */
  readonly #journal: DifferenceJournal;
  /** Hours that differ at the first look, and at the second. */
  readonly #touched = new TouchedHours();
  readonly #differing = new TouchedHours();
  #repair: Repair | undefined;
  /** What differs after the repair. */
  #left: DifferenceJournal | undefined;
  #firstPoints = 0;
  #counts = NOTHING;
  #logToMs: number | undefined;
  #logLimits: LogLimits = {};
  #lookedMs = 0;

  constructor(
    options: CompareOptions,
    clients: Readonly<Record<'source' | 'target', QueryClient>>,
    work: WorkDirectory,
  ) {
    this.#options = options;
    this.#clients = clients;
    this.#work = work;
    const { fromMs, toMs } = options.request;
    this.#bounds = { fromMs, toMs: Math.min(toMs - 1, QUERY_MS_MAX) };
    this.#journal = new DifferenceJournal(work.differencesPath);
  }

  async result(): Promise<CompareResult> {
    const { clock, signal } = this.#options;
    const startedMs = clock.monotonicMs();
    const metrics = await this.#metrics();
    let isCompared = false;
    let isComplete = false;
    try {
      await this.#compare(metrics);
      await this.#lookAgain();
      await this.#tell();
      isCompared = true;
      if ((await this.#repair?.send()) === true) await this.#lookAfter();
      isComplete = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    const { counts: differences } = this.#journal;
    const left = this.#left?.counts ?? null;
    const { source, target, fromMs, toMs } = this.#options.request;
    return {
      event: 'result',
      outcome: isCompared ? outcomeOf(differences, left) : null,
      isComplete,
      source: source.origin,
      target: target.origin,
      from: formatInstant(fromMs),
      to: formatInstant(toMs),
      metrics: metrics.length,
      ...this.#counts,
      differences: isCompared ? differences : null,
      settled: isCompared ? Math.max(0, this.#firstPoints - this.#journal.points) : null,
      logTo: this.#logToMs === undefined ? null : formatInstant(this.#logToMs),
      repair: this.#repair === undefined ? null : { ...this.#repair.result, left },
      seconds: Math.round(clock.monotonicMs() - startedMs) / 1_000,
    };
  }

  /** Those that either of the two has a name for, and that are meant. Throws TARGET_UNUSABLE, or CONFIG_INVALID when none is. */
  async #metrics(): Promise<readonly string[]> {
    const { metrics: patterns } = this.#options.request;
    const names = new Set<string>();
    for (const side of ['source', 'target'] as const) {
      const { origin } = this.#options.request[side];
      try {
        for (const name of await listMetrics(this.#clients[side])) names.add(name);
      } catch (cause) {
        const message = `${origin} cannot be asked: ${(cause as Error).message}`;
        const hint = `Is --${side} the address of a TSD that runs? \`curl URL/api/version\` must answer.`;
        throw new WalError('TARGET_UNUSABLE', message, { cause, hint });
      }
    }
    const all = [...names].toSorted();
    const lost = patterns.find((pattern) => !all.some((name) => fitsPattern(name, pattern)));
    if (lost !== undefined) {
      const message = `--metric ${lost}: neither of the two has such a metric`;
      throw new WalError('CONFIG_INVALID', message, { hint: '* stands for any characters.' });
    }
    return patterns.length === 0
      ? all
      : all.filter((name) => patterns.some((pattern) => fitsPattern(name, pattern)));
  }

  async #compare(metrics: readonly string[]): Promise<void> {
    const spans = metrics.map((metric) => [{ metric, ...this.#bounds }]);
    await this.#sweep('comparing', spans, {
      onDifferences: (differences) => {
        for (const { points } of differences) this.#firstPoints += points.length;
        this.#touched.add(differences);
        return Promise.resolve();
      },
      onCounts: (counts) => (this.#counts = counts),
    });
  }

  /** What still differs when so much time has passed that what was under way has arrived. */
  async #lookAgain(): Promise<void> {
    const { request, clock, signal } = this.#options;
    if (this.#touched.isEmpty) return;
    await clock.sleep(request.lagMs, signal);
    const spans = this.#touched.byMetric(this.#bounds);
    await this.#sweep('looking again', spans, {
      onDifferences: (differences) => {
        this.#differing.add(differences);
        return this.#journal.add(differences);
      },
      onCounts: () => undefined,
    });
    this.#lookedMs = clock.now();
  }

  /** Tells the differences, with what the log knows of them and what is to be done about them. */
  async #tell(): Promise<void> {
    const { request, report, signal } = this.#options;
    const answers = await this.#askLog();
    if (request.repair !== undefined && !this.#differing.isEmpty) {
      const { target, repair } = request;
      const options = { ...this.#options, request: repair, target, logLimits: this.#logLimits };
      this.#repair = await Repair.open({ ...options, work: this.#work }, this.#clients.target);
    }
    for await (const judged of this.#journal.judged(answers)) {
      signal.throwIfAborted();
      report(tellDifference('difference', judged, await this.#repair?.plan(judged)));
    }
  }

  /** Tells what the repair has left. */
  async #lookAfter(): Promise<void> {
    const left = new DifferenceJournal(join(this.#work.path, 'left.ndjson'));
    await this.#sweep('looking after', this.#differing.byMetric(this.#bounds), {
      onDifferences: (differences) => left.add(differences),
      onCounts: () => undefined,
    });
    for await (const judged of left.judged(undefined)) {
      this.#options.report(tellDifference('left', judged, undefined));
    }
    this.#left = left;
  }

  /** The file with its answers; undefined when it was not asked. */
  async #askLog(): Promise<string | undefined> {
    const { request, report, clock, signal } = this.#options;
    const { log } = request;
    if (log === undefined || this.#journal.points === 0) return undefined;
    const work = this.#work;
    const files = { wanted: join(work.path, 'wanted'), answers: join(work.path, 'answers') };
    await this.#journal.writeWanted(files.wanted);
    const { different, form } = this.#journal.counts;
    const isGrowing = log.data !== undefined || log.topic !== undefined;
    if (request.repair !== undefined && isGrowing && different + form > 0) {
      await clock.sleep(LOG_LATE_MS, signal);
      signal.throwIfAborted();
    }
    const { toMs, completeToMs, lacksToMs, isAllUndoneKnown } = await lookUp(
      {
        log,
        work,
        clock,
        signal,
        onProgress: (told) => report({ event: 'progress', ...told, phase: 'reading the log' }),
      },
      files,
    );
    this.#logToMs = toMs;
    this.#logLimits = {
      endsMs: completeToMs < this.#lookedMs ? completeToMs : undefined,
      lacksToMs,
      isAllUndoneKnown,
    };
    return files.answers;
  }

  #sweep(
    phase: ComparePhase,
    spans: Parameters<typeof sweep>[0],
    events: Pick<SweepOptions, 'onDifferences' | 'onCounts'>,
  ): Promise<void> {
    const { clock, report, signal } = this.#options;
    const onProgress: SweepOptions['onProgress'] = (told) =>
      report({ event: 'progress', phase, ...told });
    return sweep(spans, { clients: this.#clients, clock, onProgress, ...events }, signal);
  }
}

function outcomeOf(
  differences: DifferenceCounts,
  left: DifferenceCounts | null,
): NonNullable<CompareResult['outcome']> {
  if (isNone(differences)) return 'equal';
  return left !== null && isNone(left) ? 'mended' : 'differs';
}

function isNone(counts: DifferenceCounts): boolean {
  return Object.values(counts).every((count) => count === 0);
}
