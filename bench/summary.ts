import type { Sample } from './measure.ts';
import { TARGETS } from './targets.ts';
import type { MetricName, Target } from './targets.ts';

/** From samples to medians, shares of the floor and verdicts; nothing here reads a clock. */
export interface Row {
  readonly shape: string;
  readonly subject: Sample['subject'];
  /** Of the medians: those in which answers waited for the primary. */
  readonly roundsCounted: number;
  readonly roundsDegraded: number;
  /** Absent, as all that is measured, when no round counts. */
  readonly pointsPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Of all rounds, as `delivered`: what a degraded one took must arrive, too. */
  readonly acknowledged: number;
  readonly delivered: number;
  readonly shareOfFloor?: number;
  readonly shareOfDirect?: number;
  readonly shareOfEmbedded?: number;
  readonly addedP50Ms?: number;
  readonly cpuSecondsPerMillion?: number;
  readonly archiverCpuSecondsPerMillion?: number;
  readonly brokerCpuSecondsPerMillion?: number;
  readonly cpuShareOfDatabase?: number;
  readonly rssPeakMiB?: number;
  readonly rssGrowthMiB?: number;
}

export interface Verdict extends Target {
  readonly measured?: number;
  readonly verdict: 'goal' | 'reached' | 'missed' | 'not measured';
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  const high = sorted[Math.floor(sorted.length / 2)];
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  return high === undefined || low === undefined ? undefined : (low + high) / 2;
}

export function summarize(samples: readonly Sample[]): readonly Row[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.shape} ${sample.subject}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [rowOf(first, group, samples)];
  });
}

function rowOf(first: Sample, all: readonly Sample[], others: readonly Sample[]): Row {
  const group = all.filter(({ isDegraded }) => isDegraded !== true);
  const samples = others.filter(({ isDegraded }) => isDegraded !== true);
  const of = (pick: (sample: Sample) => number | undefined): number | undefined =>
    median(group.map(pick));
  const against =
    (subject: Sample['subject'], pick: (own: Sample, other: Sample) => number) =>
    (own: Sample): number | undefined => {
      const other = samples.find(
        (one) => one.subject === subject && one.shape === own.shape && one.round === own.round,
      );
      return other === undefined || own.subject === 'direct' || own === other
        ? undefined
        : pick(own, other);
    };
  const optional = {
    pointsPerSecond: of((sample) => sample.pointsPerSecond),
    p50Ms: of((sample) => sample.p50Ms),
    p99Ms: of((sample) => sample.p99Ms),
    shareOfFloor: of(against('floor', ratio)),
    shareOfDirect: of(against('direct', ratio)),
    shareOfEmbedded: isWithKafka(first) ? of(against('tsdb-wal', ratio)) : undefined,
    addedP50Ms: of(against('direct', (own, other) => own.p50Ms - other.p50Ms)),
    cpuSecondsPerMillion: of((sample) => sample.cpuSecondsPerMillion),
    archiverCpuSecondsPerMillion: of((sample) => sample.archiverCpuSecondsPerMillion),
    brokerCpuSecondsPerMillion: of((sample) => sample.brokerCpuSecondsPerMillion),
    cpuShareOfDatabase: of((sample) => sample.cpuShareOfDatabase),
    rssPeakMiB: worst(group.map((sample) => sample.rssPeakMiB)),
    rssGrowthMiB: worst(group.map((sample) => sample.rssGrowthMiB)),
  };
  return {
    shape: first.shape,
    subject: first.subject,
    roundsCounted: group.length,
    roundsDegraded: all.length - group.length,
    acknowledged: all.reduce((sum, sample) => sum + sample.acknowledged, 0),
    delivered: all.reduce((sum, sample) => sum + sample.delivered, 0),
    ...withoutUndefined(optional),
  };
}

function isWithKafka({ subject }: Sample): boolean {
  return subject === 'tsdb-wal+kafka';
}

function ratio(own: Sample, other: Sample): number {
  return own.pointsPerSecond / other.pointsPerSecond;
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends Record<string, number | undefined>>(values: T): Defined<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}

/** Of memory the highest round counts, not the median one. */
function worst(values: readonly (number | undefined)[]): number | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.length === 0 ? undefined : Math.max(...present);
}

export function judge(rows: readonly Row[], against: 'null' | 'opentsdb'): readonly Verdict[] {
  return TARGETS.filter((target) => target.against === 'any' || target.against === against)
    .filter(({ metric }) => metric !== 'cpuShareOfDatabase' || against === 'opentsdb')
    .map((target) => verdictOf(target, rows));
}

function verdictOf(target: Target, rows: readonly Row[]): Verdict {
  const own = rows.filter(({ subject }) => subject === (target.subject ?? 'tsdb-wal'));
  const values = own
    .filter(({ shape }) => target.shape === '*' || shape === target.shape)
    .map((row) => METRICS[target.metric](row))
    .filter((value) => value !== undefined);
  if (values.length === 0) return { ...target, verdict: 'not measured' };
  const isHigher = target.better === 'higher';
  const measured = isHigher ? Math.min(...values) : Math.max(...values);
  const passes = (limit: number): boolean => (isHigher ? measured >= limit : measured <= limit);
  const verdict = passes(target.goal) ? 'goal' : passes(target.reach) ? 'reached' : 'missed';
  return { ...target, measured, verdict };
}

const METRICS: Record<MetricName, (row: Row) => number | undefined> = {
  shareOfFloor: (row) => row.shareOfFloor,
  shareOfDirect: (row) => row.shareOfDirect,
  shareOfEmbedded: (row) => row.shareOfEmbedded,
  pointsPerSecond: (row) => row.pointsPerSecond,
  cpuSecondsPerMillion: (row) => row.cpuSecondsPerMillion,
  cpuShareOfDatabase: (row) => row.cpuShareOfDatabase,
  addedP50Ms: (row) => row.addedP50Ms,
  rssPeakMiB: (row) => row.rssPeakMiB,
  rssGrowthMiB: (row) => row.rssGrowthMiB,
};
