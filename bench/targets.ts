/**
 * What is to be reached. To add a target, add a row; a new metric also needs its line in `METRICS` of summary.ts.
 * Shares of the floor compare runs of the same round, so that a busy machine moves both.
 */
export type MetricName =
  | 'shareOfFloor'
  | 'shareOfDirect'
  | 'shareOfEmbedded'
  | 'pointsPerSecond'
  | 'cpuSecondsPerMillion'
  | 'cpuShareOfDatabase'
  | 'addedP50Ms'
  | 'rssPeakMiB'
  | 'rssGrowthMiB';

export interface Target {
  /** A shape's name, or `*` for the worst over all shapes. */
  readonly shape: string;
  /** Whose; absent: that of the log alone. */
  readonly subject?: 'tsdb-wal+kafka' | 'standby';
  readonly against: 'null' | 'opentsdb' | 'any';
  readonly metric: MetricName;
  readonly better: 'higher' | 'lower';
  readonly reach: number;
  readonly goal: number;
}

function share(shape: string, reach: number, goal: number): Target {
  return { shape, against: 'null', metric: 'shareOfFloor', better: 'higher', reach, goal };
}

function withKafka(shape: string, reach: number, goal: number): Target {
  const metric = 'shareOfEmbedded';
  return {
    shape,
    subject: 'tsdb-wal+kafka',
    against: 'any',
    metric,
    better: 'higher',
    reach,
    goal,
  };
}

function atMost(shape: string, metric: MetricName, reach: number, goal: number): Target {
  return { shape, against: 'any', metric, better: 'lower', reach, goal };
}

export const TARGETS: readonly Target[] = [
  share('http1x8', 0.85, 1),
  share('http1x64', 2.5, 4),
  share('http50x8', 0.9, 1.2),
  share('http50x64', 1.3, 2),
  share('http500x8', 0.45, 0.7),
  share('telnet50x8', 0.65, 1),
  share('telnet50x64', 1, 1.3),
  share('telnet500x8', 0.5, 0.8),
  withKafka('http50x8', 0.8, 0.9),
  withKafka('http50x64', 0.8, 0.9),
  {
    shape: 'reading',
    subject: 'standby',
    against: 'any',
    metric: 'pointsPerSecond',
    better: 'higher',
    reach: 500_000,
    goal: 1_000_000,
  },
  {
    shape: 'firehose',
    against: 'null',
    metric: 'pointsPerSecond',
    better: 'higher',
    reach: 1_000_000,
    goal: 2_000_000,
  },
  { ...atMost('http50x8', 'cpuSecondsPerMillion', 6, 3.5), against: 'null' },
  { ...atMost('http50x64', 'cpuSecondsPerMillion', 6, 3.5), against: 'null' },
  { ...atMost('paced', 'addedP50Ms', 2, 1), against: 'null' },
  atMost('*', 'rssPeakMiB', 150, 110),
  atMost('slow', 'rssGrowthMiB', 20, 10),
  atMost('dead', 'rssGrowthMiB', 20, 10),
  atMost('paced', 'cpuShareOfDatabase', 0.15, 0.075),
  atMost('paced500', 'cpuShareOfDatabase', 0.08, 0.04),
  atMost('http50x8', 'cpuShareOfDatabase', 0.15, 0.075),
  atMost('http500x8', 'cpuShareOfDatabase', 0.08, 0.04),
];
