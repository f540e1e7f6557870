import { describe, expect, test } from 'vitest';
import type { Sample } from '../../bench/measure.ts';
import { resultTable } from '../../bench/report.ts';
import { judge, summarize } from '../../bench/summary.ts';

const SAMPLE: Sample = {
  round: 0,
  shape: 'paced',
  subject: 'tsdb-wal',
  pointsPerSecond: 15_000,
  acknowledged: 90_000,
  delivered: 90_000,
  p50Ms: 3,
  p99Ms: 9,
  cpuShareOfDatabase: 0.1,
};

/** The log answers by itself, and the load generator takes all it gives. */
const DEGRADED: Partial<Sample> = {
  pointsPerSecond: 900_000,
  acknowledged: 5_400_000,
  delivered: 5_400_000,
  cpuShareOfDatabase: 1.7,
  isDegraded: true,
};

describe('the summary of a bench', () => {
  test('takes no degraded round into a median, says how many there were, and counts their points', () => {
    const rows = summarize([
      SAMPLE,
      { ...SAMPLE, ...DEGRADED, round: 1 },
      { ...SAMPLE, ...DEGRADED, round: 2 },
    ]);
    expect(rows).toEqual([
      expect.objectContaining({ pointsPerSecond: 15_000, cpuShareOfDatabase: 0.1 }),
    ]);
    expect(rows).toEqual([
      expect.objectContaining({ roundsCounted: 1, roundsDegraded: 2, acknowledged: 10_890_000 }),
    ]);
    expect(resultTable(rows)).toContain('| 1, 2 degraded |');
  });

  test('compares with no degraded round of another subject', () => {
    const withKafka = { ...SAMPLE, subject: 'tsdb-wal+kafka' } as const;
    const rows = summarize([{ ...SAMPLE, ...DEGRADED }, withKafka]);
    expect(rows[1]).not.toHaveProperty('shareOfEmbedded');
  });

  test('measures nothing by degraded rounds alone', () => {
    const rows = summarize([{ ...SAMPLE, ...DEGRADED }]);
    expect(rows[0]).not.toHaveProperty('pointsPerSecond');
    const verdicts = judge(rows, 'opentsdb').filter(({ shape }) => shape === 'paced');
    expect(verdicts).toEqual([expect.objectContaining({ verdict: 'not measured' })]);
  });
});
