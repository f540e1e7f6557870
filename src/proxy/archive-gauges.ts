import { addCoverageGauges } from '../archive/process/archive-metrics.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Archiving } from './archiving.ts';

/** `lag`: how far the repository is behind the log. */
export function addArchiveGauges(
  metrics: Metrics,
  archiving: Archiving,
  lag: () => { readonly seconds: number; readonly bytes: number },
): void {
  const gauge = (name: string, help: string, sample: () => number): void => {
    metrics.gauge({ name, help, sample });
  };
  gauge('archive_up', '1 while the archiver runs and nothing hinders it.', () =>
    Number(archiving.state.kind === 'archiving'),
  );
  gauge('archive_registered', '1 once the repository knows of the lane being written.', () =>
    Number(archiving.isRegistered),
  );
  gauge(
    'archive_lag_seconds',
    'Age of the oldest record that is not archived; up to wal.cutInterval, when idle up to 600, is usual.',
    () => lag().seconds,
  );
  gauge('archive_lag_bytes', 'Bytes of the log that are not archived.', () => lag().bytes);
  gauge(
    'archive_resident_memory_bytes',
    'Memory of the archiver, a process of its own.',
    () => archiving.process.residentBytes,
  );
  addCoverageGauges(metrics, () => archiving.coverage);
}
