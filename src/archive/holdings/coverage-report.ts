import { isDamage, type ObjectFault } from './catalog.ts';
import { type Coverage, type CoverageHole, formatRecords } from './coverage.ts';

/** What an operator is told of a repository, in bounded size. Times are epoch ms, null when there is none. */
export interface CoverageReport {
  readonly safeTimeMs: number | null;
  /** What can be restored, up to the first hole. */
  readonly restorable: { readonly fromMs: number; readonly toMs: number } | null;
  readonly lanes: number;
  readonly holes: number;
  readonly conflicts: number;
  /** Objects that are damaged or missing, as far as the listing shows. */
  readonly faults: number;
  /** Which lanes hold the safe time back, and what the holes, conflicts and faults are, the first of them. */
  readonly told: readonly string[];
}

const TOLD_MAX = 20;
/** Of these each says the same. */
const SILENT_TOLD_MAX = 3;

/** `silent`: what is to be told of lanes that hold the safe time back. */
export function reportCoverage(
  coverage: Coverage,
  faults: readonly ObjectFault[],
  silent: readonly string[] = [],
): CoverageReport {
  const { safeTimeMs, restorable, lanes, holes, conflicts } = coverage;
  const beyond = lanes.filter((lane) => lane.beyond !== undefined);
  const damage = faults.filter(isDamage);
  const told = [
    ...tellSilent(silent),
    ...holes.slice(0, TOLD_MAX).map(tellHole),
    ...conflicts
      .slice(0, TOLD_MAX)
      .map(({ lane, reason }) => `segments of lane ${lane}: ${reason}`),
    ...beyond.map(({ lane }) => `lane ${lane} goes on after the end that the next one names`),
    ...damage.slice(0, TOLD_MAX).map(({ object, reason }) => `${object}: ${reason}`),
  ];
  return {
    safeTimeMs: safeTimeMs ?? null,
    restorable: restorable.at(-1) ?? null,
    lanes: lanes.length,
    holes: holes.length,
    conflicts: conflicts.length + beyond.length,
    faults: damage.length,
    told: told.slice(0, TOLD_MAX),
  };
}

function tellSilent(silent: readonly string[]): string[] {
  const rest = silent.length - SILENT_TOLD_MAX;
  return [
    ...silent.slice(0, SILENT_TOLD_MAX),
    ...(rest > 0 ? [`${rest} more lanes hold the safe time back: \`tsdb-wal info\` has them`] : []),
  ];
}

function tellHole(hole: CoverageHole): string {
  return `the repository lacks records ${formatRecords(hole)}: ${hole.reason}`;
}
