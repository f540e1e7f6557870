import type { IngestCounters } from '../ingest/ingest-options.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { createArchiveMetrics } from '../archive/process/archive-metrics.ts';
import { createKafkaMetrics } from './kafka-metrics.ts';
import { openSyncedSink, type OpenSink } from '../wal/segment-writer.ts';

/** What the gauges show, asked at each scrape. */
export interface ProxyGauges {
  degraded(): boolean;
  refusing(): boolean;
  walBytes(): number;
  walSegments(): number;
  durableAt(): number;
  deliveredLag(): { readonly seconds: number; readonly bytes: number };
  confirmedLag(): { readonly seconds: number; readonly bytes: number };
  connections(): number;
  suspects(): number;
  mends(): number;
  held(): boolean;
  doubt(): boolean;
  lacking(): boolean;
  /** Whether others write to the primary, too; undefined where that can't be known. */
  others(): 'alone' | 'shared' | 'blind' | undefined;
}

const LATENCY_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Every metric of the proxy by name; what each means to an operator is its help text and docs/OPERATIONS.md. */
export type ProxyMetrics = ReturnType<typeof createProxyMetrics>;

export function createProxyMetrics(metrics: Metrics) {
  metrics.collectProcess();
  const received = metrics.tally(
    { name: 'points_received_total', help: 'Points that clients sent.' },
    'transport',
    ['http', 'telnet'],
  );
  const refused = metrics.counter({
    name: 'points_refused_total',
    help: 'Points that were not taken, by reason; `primary`: logged, then refused by the primary.',
    labels: ['transport', 'reason'],
  });
  const connectionsRefused = metrics.counter({
    name: 'connections_refused_total',
    help: 'Connections closed at limits.connectionsMax.',
  });
  const ingest: IngestCounters = {
    received: (points, transport) => received(transport, points),
    refused: (points, transport, reason) => refused.inc({ transport, reason }, points),
    connectionRefused: () => connectionsRefused.inc(),
  };
  return {
    ingest,
    /** Those of an archive, when there is one. */
    archive: () => createArchiveMetrics(metrics),
    /** Those of Kafka, when there is one. */
    kafka: () => createKafkaMetrics(metrics),
    logged: metrics.counter({ name: 'points_logged_total', help: 'Points durable in the log.' }),
    records: metrics.counter({
      name: 'records_logged_total',
      help: 'Records durable in the log, its own included.',
    }),
    delivered: metrics.counter({
      name: 'primary_points_sent_total',
      help: 'Points that the primary handled, repeats included.',
    }),
    mended: metrics.counter({
      name: 'primary_points_mended_total',
      help: 'Points put once more, because two writes of their instant could have tied in the primary.',
    }),
    unsettled: metrics.counter({
      name: 'primary_points_unsettled_total',
      help: 'Points which may show an older value: the primary was not done with what came before them for ten seconds; or of hours that are over, where it compacted, or did not say whether, after each put of them.',
    }),
    givenWay: metrics.counter({
      name: 'primary_points_given_way_total',
      help: 'Points of other proxies put over an earlier write of this one, or in place of it; repeats included.',
    }),
    deadLetters: metrics.counter({
      name: 'dead_letters_total',
      help: 'Acknowledged points that the primary refused for good; they are in dead-letters/.',
    }),
    resumes: metrics.counter({
      name: 'primary_resumes_total',
      help: 'Times that delivery went back to the last confirmed record, because the primary may have lost what came after.',
    }),
    // What a start reads from the log is no event of this process: a counter would grow at each start for one loss.
    holes: metrics.gauge({
      name: 'log_missing_records',
      help: 'Records of the log that are known to be lost, by earlier starts, too, as long as the log tells of them.',
    }),
    sync: metrics.histogram({
      name: 'log_sync_duration_seconds',
      help: 'How long one synced write of the log took.',
      buckets: LATENCY_SECONDS,
    }),
    upstream: metrics.histogram({
      name: 'primary_request_duration_seconds',
      help: 'How long the primary took to answer one batch.',
      buckets: LATENCY_SECONDS,
    }),
  };
}

export function addProxyGauges(metrics: Metrics, gauges: ProxyGauges): void {
  const gauge = (name: string, help: string, sample: () => number): void => {
    metrics.gauge({ name, help, sample });
  };
  gauge('degraded', '1 while answers do not wait for the primary.', () =>
    Number(gauges.degraded()),
  );
  gauge(
    'primary_held',
    '1 while nothing is sent to the primary, so that another can take its place.',
    () => Number(gauges.held()),
  );
  gauge(
    'primary_in_doubt',
    '1 while the primary may have lost some of what it took: that is delivered again when its trouble is over.',
    () => Number(gauges.doubt()),
  );
  gauge(
    'primary_lacking',
    '1 while the primary lacks a point that it had: its tables were emptied, or are others.',
    () => Number(gauges.lacking()),
  );
  gauge('refusing', '1 while the log takes no data.', () => Number(gauges.refusing()));
  gauge('log_bytes', 'Bytes of the log on disk.', () => gauges.walBytes());
  gauge('log_segments', 'Files of the log.', () => gauges.walSegments());
  gauge(
    'log_durable_timestamp_seconds',
    'Receive time up to which everything received is durable in the log.',
    () => gauges.durableAt() / 1_000,
  );
  gauge(
    'primary_lag_seconds',
    'Age of the oldest record that the primary has not handled.',
    () => gauges.deliveredLag().seconds,
  );
  gauge(
    'primary_lag_bytes',
    'Bytes of the log that the primary has not handled.',
    () => gauges.deliveredLag().bytes,
  );
  gauge(
    'primary_unconfirmed_seconds',
    'Age of the oldest record that is not confirmed stored by the primary.',
    () => gauges.confirmedLag().seconds,
  );
  gauge('connections', 'Client connections open now.', () => gauges.connections());
  gauge(
    'primary_suspects',
    'Acknowledged points that the primary has refused and that are being retried.',
    () => gauges.suspects(),
  );
  if (gauges.others() !== undefined) {
    gauge('primary_shared', '1 while other proxies write to the primary, too, or may.', () =>
      Number(gauges.others() !== 'alone'),
    );
    gauge(
      'primary_blind',
      '1 while what other proxies write to the primary is not known, or they do not know what this one does.',
      () => Number(gauges.others() === 'blind'),
    );
  }
  gauge('primary_mends_pending', 'Points waiting to be put once more.', () => gauges.mends());
}

/** A sink whose writes are timed. */
export function timedSink(observe: (seconds: number) => void): OpenSink {
  return async (path) => {
    const sink = await openSyncedSink(path);
    return {
      write: async (bytes, offset) => {
        const startMs = performance.now();
        await sink.write(bytes, offset);
        observe((performance.now() - startMs) / 1_000);
      },
      finish: (bytes) => sink.finish(bytes),
      abandon: () => sink.abandon(),
    };
  };
}
