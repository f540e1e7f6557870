import { SHAPES } from './shapes.ts';
import type { Row, Verdict } from './summary.ts';
import type { MetricName } from './targets.ts';

/** The tables a person reads. */
const TITLES = new Map<string, string>([
  ...SHAPES.map(({ name, title }) => [name, title] as const),
  ['slow', 'HTTP 50, 64, sink takes 200 ms'],
  ['dead', 'HTTP 50, 15,000 points/s, sink dead'],
  ['reading', 'a topic to the null sink'],
  ['*', 'every shape'],
]);

const METRIC_TITLES: Record<MetricName, string> = {
  shareOfFloor: 'of the floor',
  shareOfDirect: 'of direct',
  shareOfEmbedded: 'with Kafka, of without',
  pointsPerSecond: 'points/s',
  cpuSecondsPerMillion: 'CPU s per million',
  cpuShareOfDatabase: 'of the CPU of OpenTSDB + HBase',
  addedP50Ms: 'ms added to p50',
  rssPeakMiB: 'MiB peak',
  rssGrowthMiB: 'MiB growth in the second half',
};

export function resultTable(rows: readonly Row[]): string {
  const header = ['shape', 'through', 'rounds', 'points/s', 'of floor', 'of direct'];
  header.push('of embedded');
  header.push('p50 ms', 'p99 ms', 'CPU s/M', 'archiver s/M', 'broker s/M', 'CPU of db');
  header.push('peak MiB', 'acknowledged', 'arrived');
  const body = rows.map((row) => [
    TITLES.get(row.shape) ?? row.shape,
    row.subject,
    rounds(row),
    rate(row.pointsPerSecond),
    fixed(row.shareOfFloor),
    fixed(row.shareOfDirect),
    fixed(row.shareOfEmbedded),
    fixed(row.p50Ms),
    fixed(row.p99Ms),
    fixed(row.cpuSecondsPerMillion),
    fixed(row.archiverCpuSecondsPerMillion),
    fixed(row.brokerCpuSecondsPerMillion),
    fixed(row.cpuShareOfDatabase),
    fixed(row.rssPeakMiB, 0),
    `${row.acknowledged}`,
    `${row.delivered}`,
  ]);
  return table([header, ...body]);
}

function rounds({ roundsCounted, roundsDegraded }: Row): string {
  return roundsDegraded === 0 ? `${roundsCounted}` : `${roundsCounted}, ${roundsDegraded} degraded`;
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const body = verdicts.map((one) => {
    const sign = one.better === 'higher' ? '≥' : '≤';
    const isRate = one.metric === 'pointsPerSecond';
    const show = (value: number | undefined): string => (isRate ? rate(value) : fixed(value));
    return [
      TITLES.get(one.shape) ?? one.shape,
      METRIC_TITLES[one.metric],
      `${sign} ${show(one.reach)}`,
      `${sign} ${show(one.goal)}`,
      show(one.measured),
      one.verdict === 'missed' ? 'MISSED' : one.verdict,
    ];
  });
  return table([['target', 'measure', 'reach', 'goal', 'measured', 'verdict'], ...body]);
}

export function table(rows: readonly (readonly string[])[]): string {
  const [header = []] = rows;
  const widths = header.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(header), rule, ...rows.slice(1).map(line)].join('\n');
}

export function fixed(value: number | undefined, digits = 2): string {
  return value === undefined ? '' : value.toFixed(digits);
}

export function rate(value: number | undefined): string {
  if (value === undefined) return '';
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)} k` : `${(value / 1e3).toFixed(2)} k`;
}
