/** What archiving is to reach. */
export type ArchiveMetric =
  | 'archivedPerSecond'
  | 'minuteBytesPerPoint'
  | 'dayBytesPerPoint'
  | 'infoWarmSeconds'
  | 'infoColdSeconds';

interface ArchiveTarget {
  readonly metric: ArchiveMetric;
  readonly title: string;
  readonly better: 'higher' | 'lower';
  readonly reach: number;
  readonly goal: number;
}

export interface ArchiveVerdict extends ArchiveTarget {
  readonly measured: number | undefined;
  readonly verdict: 'goal' | 'reached' | 'missed' | 'not measured';
}

function atMost(metric: ArchiveMetric, title: string, reach: number, goal: number): ArchiveTarget {
  return { metric, title, better: 'lower', reach, goal };
}

const TARGETS: readonly ArchiveTarget[] = [
  {
    metric: 'archivedPerSecond',
    title: 'points/s archived, busy log',
    better: 'higher',
    reach: 200_000,
    goal: 400_000,
  },
  atMost('minuteBytesPerPoint', 'bytes a point in minutes, regular log', 4, 3.5),
  atMost('dayBytesPerPoint', 'bytes a point in merged days, regular log', 2.7, 1.6),
  atMost('infoWarmSeconds', 'info, warm, s', 1, 0.3),
  atMost('infoColdSeconds', 'info, cold, s', 5, 0.3),
];

export function judgeArchive(
  measured: Readonly<Partial<Record<ArchiveMetric, number | undefined>>>,
): ArchiveVerdict[] {
  const verdicts: ArchiveVerdict[] = [];
  for (const target of TARGETS) {
    const value = measured[target.metric];
    verdicts.push({ ...target, measured: value, verdict: verdictOf(target, value) });
  }
  return verdicts;
}

function verdictOf(target: ArchiveTarget, value: number | undefined): ArchiveVerdict['verdict'] {
  if (value === undefined) return 'not measured';
  const holds = (bound: number): boolean =>
    target.better === 'higher' ? value >= bound : value <= bound;
  if (holds(target.goal)) return 'goal';
  return holds(target.reach) ? 'reached' : 'missed';
}
