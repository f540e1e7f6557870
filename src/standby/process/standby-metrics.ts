import type { Metrics } from '../../runtime/metrics.ts';
import type { Standby } from '../standby.ts';

export type StandbyMetrics = ReturnType<typeof createStandbyMetrics>;

const LATENCY_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Every metric of a standby by name; what each means to an operator is its help text and docs/STANDBY.md. */
export function createStandbyMetrics(metrics: Metrics) {
  metrics.collectProcess();
  return {
    sent: metrics.counter({
      name: 'standby_points_sent_total',
      help: 'Points that the target handled, repeats included.',
    }),
    mended: metrics.counter({
      name: 'standby_points_mended_total',
      help: 'Points put once more, because two writes of their instant could have tied in the target.',
    }),
    unsettled: metrics.counter({
      name: 'standby_points_unsettled_total',
      help: 'Points which may show an older value: the target was not done with what came before them for ten seconds; or of hours that are over, where it compacted, or did not say whether, after each put of them.',
    }),
    deadLetters: metrics.counter({
      name: 'standby_dead_letters_total',
      help: 'Points that the target refused for good and the primary did not; they are in dead-letters/.',
    }),
    resumes: metrics.counter({
      name: 'standby_resumes_total',
      help: 'Times that delivery went back to the last confirmed record, because the target may have lost what came after.',
    }),
    agains: metrics.counter({
      name: 'standby_repeats_total',
      help: 'Times that a stretch was applied again, together with what came late of it.',
    }),
    holes: metrics.counter({
      name: 'standby_missing_records_total',
      help: 'Records that the source does not have any more, and the target will not get.',
    }),
    bypasses: metrics.counter({
      name: 'standby_bypasses_total',
      help: 'Changes that went to the primary without being logged: the target does not get them.',
    }),
    request: metrics.histogram({
      name: 'standby_request_duration_seconds',
      help: 'How long the target took to answer one batch.',
      buckets: LATENCY_SECONDS,
    }),
  };
}

export function addStandbyGauges(
  metrics: Metrics,
  standby: Standby,
  isPaused: () => boolean,
): void {
  const gauge = (name: string, help: string, sample: () => number): void => {
    metrics.gauge({ name, help, sample });
  };
  gauge('standby_up', '1 while the target takes writes and the source can be read.', () =>
    Number(standby.state.kind !== 'down' && standby.trouble === undefined),
  );
  gauge(
    'standby_in_doubt',
    '1 while the target may have lost some of what it took: that is delivered again when its trouble is over.',
    () => Number(standby.doubt !== undefined),
  );
  gauge('standby_paused', '1 while it is paused.', () => Number(isPaused()));
  gauge(
    'standby_lag_seconds',
    'Age of the oldest record that the target has not handled; a delay is part of it.',
    () => standby.lag.seconds,
  );
  gauge(
    'standby_lag_records',
    'Records that are there and the target has not handled.',
    () => standby.lag.records,
  );
  gauge(
    'standby_contained_timestamp_seconds',
    'Receive time of the latest record that the target surely stores; 0 when that is none.',
    () => (standby.place.latestMs ?? 0) / 1_000,
  );
  gauge(
    'standby_suspects',
    'Points that the target has refused and that are being retried.',
    () => standby.open.suspects,
  );
  gauge('standby_mends_pending', 'Points waiting to be put once more.', () => standby.open.mends);
}
