import type { Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import { formatSeconds } from '../runtime/format-seconds.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Wal } from '../wal/log.ts';
import { KnownHoles } from '../wal/known-holes.ts';
import { NOT_REGISTERED, UNKNOWN_TO_TOPIC } from './lane-gate.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

export interface LogReportOptions {
  readonly logger: Logger;
  readonly metrics: Pick<ProxyMetrics, 'holes'>;
}

/** Tells operators of the log what they need to know. */
export class LogReport {
  readonly #logger: Logger;
  readonly #holes: KnownHoles;
  #isRefusalTold = false;

  constructor({ logger, metrics }: LogReportOptions) {
    this.#logger = logger;
    this.#holes = new KnownHoles({ logger, count: (records) => metrics.holes.inc(records) });
  }

  /** Records that cannot be read back, as this start and the followers have met them. */
  get holes(): readonly Hole[] {
    return this.#holes.list;
  }

  recovered({ holes, toldBefore, tornBytes, segments, end }: Wal['recovered']): void {
    if (end !== undefined) {
      const last = `${end.lane}/${end.lastSeq}`;
      const told = { segments: segments.length, last, tornBytes, closed: end.closed };
      this.#logger.info(told, 'log recovered');
    }
    for (const hole of holes) {
      this.#holes.note(hole, 'the log is damaged: these records cannot be read back');
    }
    for (const hole of toldBefore) {
      this.#holes.note(hole, 'an earlier start found these records to be gone from the log');
    }
  }

  /** `disputed`: the last receive time before, and the first since, epoch ms, where the clock leapt in between. */
  opened(
    { lane }: Position,
    reason: string,
    disputed?: { readonly from: number; readonly to: number },
  ): void {
    this.#logger.info({ lane, reason }, 'lane opened');
    if (disputed === undefined) return;
    const { from, to } = disputed;
    const span = formatSeconds(Math.abs(to - from) / 1_000);
    const told =
      to < from
        ? `the wall clock is ${span} behind what was received last: receive times in between are in doubt, and no later moment can be restored than it says`
        : `the wall clock leapt ahead by ${span}: receive times in between are in doubt`;
    this.#logger.warn({ lane, from: formatInstant(from), to: formatInstant(to) }, told);
  }

  expired({ path }: { readonly path: string }): void {
    this.#logger.info({ path }, 'a file of the log expired');
  }

  hindered(reason: string | undefined): void {
    if (reason !== undefined) this.#logger.error({ reason }, 'expired files of the log stay');
  }

  unreadable(hole: Hole): void {
    this.#holes.note(hole, 'records of the log cannot be delivered: they cannot be read');
  }

  /** `reason`: why it takes no data; undefined: it does again. */
  refusing(reason: string | undefined): void {
    // A lane that is being registered takes no time worth telling.
    if (reason === NOT_REGISTERED || reason === UNKNOWN_TO_TOPIC) return;
    if (reason !== undefined) {
      this.#logger.error({ reason }, 'the log takes no data: clients are told to try again');
    } else if (this.#isRefusalTold) this.#logger.info('the log takes data again');
    this.#isRefusalTold = reason !== undefined;
  }
}
