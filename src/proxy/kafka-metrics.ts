import type { Metrics } from '../runtime/metrics.ts';
import type { Replication } from './replication.ts';

export type KafkaMetrics = ReturnType<typeof createKafkaMetrics>;

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createKafkaMetrics(metrics: Metrics) {
  return {
    records: metrics.counter({
      name: 'kafka_records_total',
      help: 'Records that Kafka has acknowledged, repeats included.',
    }),
    points: metrics.counter({
      name: 'kafka_points_total',
      help: 'Points in the records that Kafka has acknowledged.',
    }),
    bytes: metrics.counter({
      name: 'kafka_bytes_total',
      help: 'Bytes of the messages that Kafka has acknowledged, before compression.',
    }),
    messages: metrics.counter({
      name: 'kafka_messages_total',
      help: 'Messages that Kafka has acknowledged.',
    }),
    refills: metrics.counter({
      name: 'kafka_refills_total',
      help: 'Times that the topic was found to be another one, and was filled again from the log.',
    }),
    latency: metrics.histogram({
      name: 'kafka_send_duration_seconds',
      help: 'How long Kafka took to acknowledge one message.',
      buckets: LATENCY_SECONDS,
    }),
  };
}

/** `lag`: how far Kafka is behind the log. */
export function addKafkaGauges(
  metrics: Metrics,
  replication: Replication,
  lag: () => { readonly seconds: number; readonly bytes: number },
): void {
  const gauge = (name: string, help: string, sample: () => number): void => {
    metrics.gauge({ name, help, sample });
  };
  gauge('kafka_degraded', '1 while answers do not wait for Kafka.', () =>
    Number(replication.state.kind !== 'live'),
  );
  gauge(
    'kafka_lag_seconds',
    'Age of the oldest record that Kafka has not acknowledged.',
    () => lag().seconds,
  );
  gauge('kafka_lag_bytes', 'Bytes of the log that Kafka has not acknowledged.', () => lag().bytes);
  gauge(
    'kafka_clock_offset_seconds',
    "How far this clock is ahead of other proxies', where they differ most; 0 while none is heard.",
    () => replication.clockOffsetMs / 1_000,
  );
  gauge(
    'kafka_clock_off',
    '1 while this clock is too far off for writes to come through this proxy: it is not ready.',
    () => Number(replication.isClockOff),
  );
}
