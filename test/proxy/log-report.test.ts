import { pino } from 'pino';
import { expect, test } from 'vitest';
import { LogReport } from '../../src/proxy/log-report.ts';
import { createProxyMetrics } from '../../src/proxy/proxy-metrics.ts';
import type { Hole } from '../../src/record/control.ts';
import { Metrics } from '../../src/runtime/metrics.ts';

const LOST: Hole = { lane: '0123456789abcdef', from: 34, to: 39, reason: 'gone' };
const MORE: Hole = { ...LOST, from: 101, to: 104 };

/** What a start that finds these tells, as Prometheus reads it. */
async function told(holes: readonly Hole[], toldBefore: readonly Hole[]): Promise<string[]> {
  const all = new Metrics();
  const report = new LogReport({
    logger: pino({ level: 'silent' }),
    metrics: createProxyMetrics(all),
  });
  report.recovered({ ...NOTHING, holes, toldBefore });
  const { text } = await all.scrape();
  return text.split('\n').filter((line) => /^(# TYPE )?tsdb_wal_log_missing/.test(line));
}

const NOTHING = {
  segments: [],
  end: undefined,
  tornBytes: 0,
  lastReceivedAt: undefined,
  mark: undefined,
  strangers: [],
};

test('what the log lost is the same over starts, and falls once the log tells of it no more', async () => {
  const type = '# TYPE tsdb_wal_log_missing_records gauge';
  expect(await told([LOST], [])).toEqual([type, 'tsdb_wal_log_missing_records 6']);
  expect(await told([], [LOST])).toEqual([type, 'tsdb_wal_log_missing_records 6']);
  // A file that is missing shows by itself, too.
  expect(await told([LOST, MORE], [LOST])).toEqual([type, 'tsdb_wal_log_missing_records 10']);
  expect(await told([], [])).toEqual([type, 'tsdb_wal_log_missing_records 0']);
});
