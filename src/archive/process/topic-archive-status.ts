import type { Health } from '../../admin/admin-server.ts';
import type { CoverageReport } from '../holdings/coverage-report.ts';
import type { Config } from '../../config/options.ts';
import type { TopicHeadroom } from '../../kafka/retention-watch.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { ArchiverState } from '../persistence.ts';
import type { FromArchiver } from './archive-messages.ts';
import { coverageStatus } from './coverage-status.ts';
import { addCoverageGauges, createArchiveMetrics } from './archive-metrics.ts';
import { lookFormerHome } from './look-former-home.ts';
import { formatSeconds } from '../../runtime/format-seconds.ts';
import { VERSION } from '../../runtime/version.ts';

export interface TopicArchiveStatusOptions {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** How an archiver of a topic is doing, for those who ask it: it has no parent that would tell. */
export class TopicArchiveStatus {
  readonly #options: TopicArchiveStatusOptions;
  readonly #counters: ReturnType<typeof createArchiveMetrics>;
  #state: ArchiverState | { readonly kind: 'starting' } = { kind: 'starting' };
  #repositoryId: string | undefined;
  #coverage: CoverageReport | undefined;
  #headroom: TopicHeadroom | undefined;
  #settled: ReadonlyMap<number, number> = new Map();
  #warning: string | undefined;
  #elsewhere: string | undefined;

  constructor(options: TopicArchiveStatusOptions) {
    const { metrics } = options;
    this.#options = options;
    metrics.collectProcess();
    this.#counters = createArchiveMetrics(metrics);
    metrics.gauge({
      name: 'archive_up',
      help: '1 while the archiver runs and nothing hinders it.',
      sample: () => Number(this.isArchiving),
    });
    addCoverageGauges(metrics, () => this.#coverage);
    metrics.gauge({
      name: 'topic_headroom_seconds',
      help: 'Until Kafka drops, at the earliest, something that is not archived, of the partitions that this archiver has; the whole retention when all is archived, NaN while it is not known.',
      sample: () => (this.#headroom?.kind === 'known' ? this.#headroom.ms / 1_000 : Number.NaN),
    });
  }

  get isArchiving(): boolean {
    return this.#state.kind === 'archiving';
  }

  told(message: FromArchiver): void {
    switch (message.kind) {
      case 'joined':
        this.#repositoryId = message.id;
        break;
      case 'archived':
        this.#counters.segments.inc();
        this.#counters.points.inc(message.segment.points);
        this.#counters.bytes.inc(message.segment.bytes);
        break;
      case 'state':
        // Told again while it tries again.
        if ('reason' in message.state && !('reason' in this.#state)) this.#counters.troubles.inc();
        this.#state = message.state;
        break;
      case 'covered':
        this.#coverage = message.report;
        break;
      case 'registered':
      case 'unregistered':
      case 'passed':
      case 'memory':
        break;
    }
  }

  /** `settled`: of each partition that this archiver has, the first message that is not archived. */
  toldHeadroom(headroom: TopicHeadroom, settled: ReadonlyMap<number, number>): void {
    const { logger, config } = this.#options;
    this.#headroom = headroom;
    this.#settled = settled;
    // Who reads the topic tells why it can't be asked; the warning is as it was.
    if (headroom.kind === 'unknown') return;
    const warning = warningOf(headroom, config.archiver.headroomWarning);
    if (warning !== undefined && this.#warning === undefined) logger.warn(warning);
    else if (warning === undefined && this.#warning !== undefined) {
      logger.info('the topic keeps what is not archived for long enough again');
    }
    this.#warning = warning;
  }

  /** Whether another repository than before is archived to; call it before `health` and `status`. */
  async look(): Promise<void> {
    this.#elsewhere = await lookFormerHome(this.#options.config, 'topic');
  }

  /** What /health shows. */
  get health(): Health {
    const reasons = 'reason' in this.#state ? [`nothing is archived: ${this.#state.reason}`] : [];
    const warnings = [this.#elsewhere, this.#warning].filter((warning) => warning !== undefined);
    const degraded = [...warnings, ...(this.#coverage?.told ?? [])];
    return { ok: reasons.length === 0, reasons, degraded };
  }

  /** What /status shows; its shape is part of the interface (docs/JSON.md). */
  get status(): unknown {
    const { kafka, repository } = this.#options.config;
    const headroom = this.#headroom;
    return {
      version: VERSION,
      topic: kafka.topic.name,
      brokers: kafka.brokers,
      repository,
      id: this.#repositoryId ?? null,
      state: this.#state,
      partitions: [...this.#settled].map(([partition, archived]) => ({ partition, archived })),
      headroom:
        headroom?.kind === 'known'
          ? {
              seconds: headroom.ms === Infinity ? null : headroom.ms / 1_000,
              partition: headroom.partition,
            }
          : null,
      ...coverageStatus(this.#coverage),
      troubles: [...this.health.reasons, ...this.health.degraded],
    };
  }
}

/** A topic that keeps things for less than twice the asked time would warn for ever: half of what it keeps is asked of it. */
export function warningOf(headroom: TopicHeadroom, askedMs: number): string | undefined {
  if (headroom.kind === 'unknown') return undefined;
  if (headroom.kind === 'forbidden') {
    return 'how long Kafka keeps what is not archived is not known: its user needs DescribeConfigs';
  }
  const { ms, partition, retentionMs } = headroom;
  if (partition === null || ms >= Math.min(askedMs, retentionMs / 2)) return undefined;
  return ms === 0
    ? `Kafka drops what is not archived, in partition ${partition}`
    : `in ${formatSeconds(ms / 1_000)} Kafka drops what is not archived, in partition ${partition}`;
}
