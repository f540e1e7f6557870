import type { CoverageReport } from '../holdings/coverage-report.ts';
import type { Metrics } from '../../runtime/metrics.ts';

export type ArchiveMetrics = ReturnType<typeof createArchiveMetrics>;

export function createArchiveMetrics(metrics: Metrics) {
  return {
    segments: metrics.counter({
      name: 'archive_segments_total',
      help: 'Segments that this process has archived.',
    }),
    points: metrics.counter({
      name: 'archive_points_total',
      help: 'Points in the segments that this process has archived.',
    }),
    bytes: metrics.counter({
      name: 'archive_bytes_total',
      help: 'Bytes of the segments that this process has archived.',
    }),
    troubles: metrics.counter({
      name: 'archive_errors_total',
      help: 'Times that archiving came to a halt: the repository failed, or the archiver ended.',
    }),
    restarts: metrics.counter({
      name: 'archive_restarts_total',
      help: 'Times that the archiver ended by itself and was started again.',
    }),
  };
}

/** What the repository holds, as a listing tells. */
export function addCoverageGauges(
  metrics: Metrics,
  coverage: () => CoverageReport | undefined,
): void {
  const gauge = (name: string, help: string, sample: () => number): void => {
    metrics.gauge({ name, help, sample });
  };
  gauge('archive_holes', 'Runs of records that the repository lacks.', () => {
    return coverage()?.holes ?? 0;
  });
  gauge(
    'archive_faults',
    'Objects of the repository that are damaged, missing or contradict each other, as far as a listing shows.',
    () => (coverage()?.faults ?? 0) + (coverage()?.conflicts ?? 0),
  );
  gauge(
    'archive_safe_timestamp_seconds',
    'Receive time up to which everything is in the repository or known to be missing; 0 when there is none.',
    () => (coverage()?.safeTimeMs ?? 0) / 1_000,
  );
  gauge(
    'recoverable_from_timestamp_seconds',
    'The earliest moment that can be restored; 0 when there is none.',
    () => (coverage()?.restorable?.fromMs ?? 0) / 1_000,
  );
  gauge(
    'recoverable_to_timestamp_seconds',
    'The latest moment that can be restored without a hole; 0 when there is none.',
    () => (coverage()?.restorable?.toMs ?? 0) / 1_000,
  );
}
