import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { assert } from './errors.ts';

const PREFIX = 'tsdb_wal_';

interface Described<Label extends string> {
  /** Snake case with its unit, without the prefix: `fsync_duration_seconds`. A counter's ends with `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

interface Sampled<Label extends string> extends Described<Label> {
  /** Called at each scrape: for values that live elsewhere, as a queue's length. */
  readonly sample?: () => number;
}

interface Bucketed<Label extends string> extends Described<Label> {
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * For these the event loop's delay is sampled a hundred times a second, which would be most of what an idle process does; and the time between samples counts as delay.
 * `nodejs_eventloop_lag_seconds` is measured when metrics are asked for.
 */
const SAMPLED_LAG = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];
const NEVER_MS = 2 ** 31 - 1;

/**
 * Every metric of one process. What is counted for each request is a `tally`. Two metrics of one name are a bug.
 */
export class Metrics {
  readonly #registry = new Registry();

  /** Adds what Prometheus expects of any process: CPU, memory, handles, event loop, garbage collection. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const name of SAMPLED_LAG) {
      this.#registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
    }
  }

  counter<Label extends string = never>(options: Described<Label>): Counter<Label> {
    assert(options.name.endsWith('_total'), `counter ${options.name} ends with _total`);
    return new Counter<Label>(this.#described(options));
  }

  /** A counter with one label, of these values: all are there from 0 on. To add to it is an addition, without a look at labels. */
  tally<Value extends string>(
    options: Omit<Described<string>, 'labels'>,
    label: string,
    values: readonly Value[],
  ): (value: Value, count: number) => void {
    assert(options.name.endsWith('_total'), `counter ${options.name} ends with _total`);
    const counts = new Map<Value, number>();
    const counter = new Counter({
      ...this.#described({ ...options, labels: [label] }),
      collect() {
        for (const [value, count] of counts) this.inc({ [label]: value }, count);
        counts.clear();
      },
    });
    for (const value of values) counter.inc({ [label]: value }, 0);
    return (value, count) => counts.set(value, (counts.get(value) ?? 0) + count);
  }

  gauge<Label extends string = never>(options: Sampled<Label>): Gauge<Label> {
    const { sample } = options;
    const described = this.#described(options);
    if (sample === undefined) return new Gauge<Label>(described);
    return new Gauge<Label>({
      ...described,
      collect() {
        this.set(sample());
      },
    });
  }

  histogram<Label extends string = never>(options: Bucketed<Label>): Histogram<Label> {
    assert(/_(seconds|bytes|points)$/.test(options.name), `${options.name} ends with its unit`);
    return new Histogram<Label>({ ...this.#described(options), buckets: [...options.buckets] });
  }

  /** The text that Prometheus scrapes, and its content type. */
  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #described<Label extends string>(options: Described<Label>) {
    assert(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(options.name), `${options.name} is snake case`);
    return {
      name: PREFIX + options.name,
      help: options.help,
      labelNames: [...(options.labels ?? [])],
      registers: [this.#registry],
    };
  }
}
