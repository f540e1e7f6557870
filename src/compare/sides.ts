import { type AnsweredQuery, askPatiently } from '../opentsdb/patient-query.ts';
import type { QueriedSeries } from '../opentsdb/query-answer.ts';
import type { QueryReply, RawQuery } from '../opentsdb/query-client.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import type { MetricSpan } from './compare-answers.ts';

export type Side = 'source' | 'target';

export interface SidesOptions {
  readonly source: (query: RawQuery) => Promise<QueryReply>;
  readonly target: (query: RawQuery) => Promise<QueryReply>;
  readonly clock: Clock;
}

/** The two OpenTSDBs that are compared. */
export class Sides {
  readonly #options: SidesOptions;

  constructor(options: SidesOptions) {
    this.#options = options;
  }

  /** What each shows of a span. Rejects as `ask`. */
  async both(
    span: MetricSpan,
    signal: AbortSignal,
  ): Promise<Readonly<Record<Side, AnsweredQuery>>> {
    const query = { ...span, series: undefined };
    const [source, target] = await Promise.all([
      this.ask('source', query, signal),
      this.ask('target', query, signal),
    ]);
    return { source, target };
  }

  /** Throws TARGET_UNUSABLE when it doesn't answer any more; rejects when the signal aborts. */
  async ask(side: Side, query: RawQuery, signal: AbortSignal): Promise<AnsweredQuery> {
    try {
      return await askPatiently(() => this.#options[side](query), this.#options.clock, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new WalError('TARGET_UNUSABLE', `the ${side}: ${(cause as Error).message}`, { cause });
    }
  }
}

export function seriesIn(answer: AnsweredQuery): readonly QueriedSeries[] {
  return answer.kind === 'series' ? answer.series : [];
}
