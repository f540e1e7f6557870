import type { CoverageReport } from '../archive/holdings/coverage-report.ts';
import { readOpenings } from '../archive/write/lane-opening.ts';
import type { Config } from '../config/options.ts';
import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ArchiveMetrics } from '../archive/process/archive-metrics.ts';
import type { FromArchiver } from '../archive/process/archive-messages.ts';
import { untilReached } from './until-reached.ts';
import { ArchiveProcess } from './archive-process.ts';
import { type LaneKeeper, NOT_REGISTERED } from './lane-gate.ts';

export interface ArchivingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ArchiveMetrics;
  readonly wal: LaneKeeper;
  /** The program whose command `archive` is run: this one. */
  readonly program?: string;
}

const LIMITS = {
  /** The archiver has so long to register a lane before that counts as a failure. */
  registerMsMax: 5_000,
} as const;

type Registration =
  | { readonly kind: 'waiting'; readonly sinceMs: number }
  | { readonly kind: 'registered' }
  | { readonly kind: 'failing'; readonly reason: string };

export type ArchivingState =
  | { readonly kind: 'starting' | 'archiving' }
  | { readonly kind: 'hindered' | 'down'; readonly reason: string };

/**
 * The archive as the proxy sees it. The work is done by a child process; here is what it needs to be told, and what it
 * tells. This process never touches the repository: one file operation on a share whose server is gone would hold a
 * thread for good, and with it the end of the process.
 *
 * A lane takes no data before the child has registered it, so that the repository knows of every lane from which
 * something was acknowledged. With `archiver.unregistered: allow` it does when that fails, and is registered later.
 */
export class Archiving {
  readonly #options: ArchivingOptions;
  readonly #process: ArchiveProcess;
  #lane = '';
  #registration: Registration = { kind: 'waiting', sinceMs: 0 };
  /** Whether the archiver was asked to register the lane; `failed`: not before the next beat. */
  #asked: 'no' | 'yes' | 'failed' = 'no';
  #repositoryId: string | undefined;
  #position: Position | undefined;
  #state: ArchivingState = { kind: 'starting' };
  #coverage: CoverageReport | undefined;
  #pid: number | undefined;
  #starts = 0;
  #residentBytes = 0;

  constructor(options: ArchivingOptions) {
    this.#options = options;
    const { config, clock } = options;
    this.#process = new ArchiveProcess({
      program: options.program ?? process.argv[1] ?? '',
      arguments: archiverArguments(config),
      clock,
      events: {
        started: (pid) => this.#onStarted(pid),
        told: (message) => this.#onTold(message),
        ended: (how, nextMs) => this.#onEnded(how, nextMs),
      },
    });
  }

  /** All up to it is durable in the repository; undefined while nothing is, or that isn't known. */
  get position(): Position | undefined {
    return this.#position;
  }

  get state(): ArchivingState {
    return this.#state;
  }

  get coverage(): CoverageReport | undefined {
    return this.#coverage;
  }

  get repositoryId(): string | undefined {
    return this.#repositoryId;
  }

  get isRegistered(): boolean {
    return this.#registration.kind === 'registered';
  }

  get process(): {
    readonly pid: number | undefined;
    readonly starts: number;
    readonly residentBytes: number;
  } {
    return { pid: this.#pid, starts: this.#starts, residentBytes: this.#residentBytes };
  }

  /** What works with less than usual, for people. */
  get troubles(): readonly string[] {
    const state =
      'reason' in this.#state ? [`the archiver is ${this.#state.kind}: ${this.#state.reason}`] : [];
    const { kind } = this.#registration;
    const unregistered =
      kind === 'failing' && this.#options.wal.isAdmitted
        ? [`writes are taken, though ${NOT_REGISTERED}`]
        : [];
    return [...unregistered, ...state, ...(this.#coverage?.told ?? [])];
  }

  /** Runs the archiver until the signal aborts and it has ended. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#process.run(signal);
  }

  /** A lane was opened; it waits to be registered. */
  opened({ lane }: Position): void {
    this.#lane = lane;
    this.#asked = 'no';
    this.#registration = { kind: 'waiting', sinceMs: this.#options.clock.monotonicMs() };
  }

  /** The log is durable up to there. */
  durable(): void {
    if (this.#asked === 'no' && this.#process.isConnected) void this.#askToRegister();
  }

  /** Call about once a second. */
  beat(): void {
    if (this.#asked === 'failed') this.#asked = 'no';
    this.durable();
    const { clock } = this.#options;
    if (this.isRegistered) return;
    if ('reason' in this.#state) this.#onUnregistered(this.#state.reason);
    else if (
      this.#registration.kind === 'waiting' &&
      clock.monotonicMs() - this.#registration.sinceMs > LIMITS.registerMsMax
    ) {
      this.#onUnregistered('the archiver does not answer');
    }
  }

  /** Settles once all up to `last` is archived, or after `msMax`, or when nothing is being archived. */
  async drain(last: Position, msMax: number): Promise<void> {
    await untilReached(last, {
      clock: this.#options.clock,
      msMax,
      position: () => this.#position,
      goesOn: () => this.#state.kind === 'archiving',
    });
  }

  async #askToRegister(): Promise<void> {
    const { wal, logger } = this.#options;
    const lane = this.#lane;
    this.#asked = 'yes';
    try {
      const openings = await readOpenings(wal.segments);
      const isCurrent = openings.at(-1)?.lane === lane && lane === this.#lane;
      if (!isCurrent || !this.#process.send({ kind: 'register', openings })) this.#asked = 'no';
    } catch (error) {
      this.#asked = 'failed';
      logger.error({ error: (error as Error).message }, 'the log’s own files cannot be read');
    }
  }

  #onStarted(pid: number): void {
    this.#pid = pid;
    this.#starts += 1;
    this.#state = { kind: 'starting' };
    // Also when the lane is registered: that is what it begins with.
    this.#asked = 'no';
    this.durable();
  }

  #onEnded(how: string, nextMs: number): void {
    const { logger, metrics } = this.#options;
    this.#pid = undefined;
    this.#residentBytes = 0;
    metrics.restarts.inc();
    this.#setState({ kind: 'down', reason: `it ended with ${how}` });
    logger.error({ how, nextMs: Math.round(nextMs) }, 'the archiver ended: it is started again');
  }

  #onTold(message: FromArchiver): void {
    const { metrics } = this.#options;
    switch (message.kind) {
      case 'joined':
        this.#repositoryId = message.id;
        this.#position = message.position ?? undefined;
        break;
      case 'registered':
        this.#onRegistered(message.lane);
        break;
      case 'unregistered':
        if (message.lane === this.#lane) this.#onUnregistered(message.reason);
        break;
      case 'passed':
        this.#position = message.position;
        break;
      case 'archived':
        metrics.segments.inc();
        metrics.points.inc(message.segment.points);
        metrics.bytes.inc(message.segment.bytes);
        break;
      case 'state':
        this.#setState(message.state);
        break;
      case 'covered':
        this.#coverage = message.report;
        break;
      case 'memory':
        this.#residentBytes = message.residentBytes;
        break;
    }
  }

  #setState(state: ArchivingState): void {
    const isTrouble = 'reason' in state && !('reason' in this.#state);
    if (isTrouble) this.#options.metrics.troubles.inc();
    this.#state = state;
  }

  #onRegistered(lane: string): void {
    if (lane !== this.#lane) return;
    const { logger, wal } = this.#options;
    const wasAllowed = this.#registration.kind === 'failing' && wal.isAdmitted;
    if (wasAllowed) logger.info({ lane }, 'the lane is registered in the repository after all');
    this.#registration = { kind: 'registered' };
    wal.admit(lane);
  }

  #onUnregistered(reason: string): void {
    const { config, logger, wal } = this.#options;
    const wasFailing = this.#registration.kind === 'failing';
    this.#registration = { kind: 'failing', reason };
    if (config.archiver.unregistered === 'refuse') {
      wal.explainBar(this.#lane, `${NOT_REGISTERED}: ${reason}`);
      return;
    }
    if (wasFailing) return;
    logger.warn({ lane: this.#lane, reason }, `writes are taken, though ${NOT_REGISTERED}`);
    wal.admit(this.#lane);
  }
}

/** What the child is to be told of the configuration. */
export function archiverArguments({ data, repository, archiver, logLevel }: Config): string[] {
  return [
    'archive',
    '--data',
    data,
    '--repository',
    repository,
    '--archiver-memory-bytes',
    `${archiver.memoryBytes}B`,
    '--archiver-priority',
    archiver.priority,
    '--log-level',
    logLevel,
  ];
}
