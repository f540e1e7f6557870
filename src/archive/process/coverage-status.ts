import type { CoverageReport } from '../holdings/coverage-report.ts';
import { formatInstant } from '../../runtime/instant.ts';

/** What /status shows of a repository, of the proxy as of an archiver of a topic; undefined: not known yet. */
export function coverageStatus(coverage: CoverageReport | undefined): object {
  const { safeTimeMs = null, restorable = null, holes, conflicts, faults } = coverage ?? {};
  return {
    safeTime: safeTimeMs === null ? null : formatInstant(safeTimeMs),
    recoverable: restorable && {
      from: formatInstant(restorable.fromMs),
      to: formatInstant(restorable.toMs),
    },
    holes: holes ?? 0,
    conflicts: conflicts ?? 0,
    faults: faults ?? 0,
  };
}
