import { expect, test } from 'vitest';
import {
  addStandbyGauges,
  createStandbyMetrics,
} from '../../../src/standby/process/standby-metrics.ts';
import {
  StandbyReport,
  type StandbyReportOptions,
} from '../../../src/standby/process/standby-report.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Metrics } from '../../../src/runtime/metrics.ts';
import { Gate } from '../../../src/standby/arrivals/gate.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import type { Standby } from '../../../src/standby/standby.ts';

const SINCE = Date.parse('2026-06-01T12:00:00Z');

/** One that follows, and has nothing yet. */
function standbyWith(doubt: Standby['doubt']): Standby {
  return {
    doubt,
    state: { kind: 'live' },
    open: { suspects: 1, mends: 2 },
    promotion: { kind: 'none' },
    place: beginningAt(null),
    lag: { records: 0, seconds: 0 },
    forks: [],
    sentToMs: SINCE,
    seen: { isComplete: true, lanes: new Map() },
  } as unknown as Standby;
}

test.each([
  [undefined, null, 0],
  [
    { reason: 'it counts storage errors', since: SINCE },
    { reason: 'it counts storage errors', since: '2026-06-01T12:00:00.000Z' },
    1,
  ],
])(
  'whether its target is in doubt is told by /status and the metrics: %o',
  async (doubt, told, gauge) => {
    const metrics = new Metrics();
    const gate = new Gate({ delayMs: 0, stopAtMs: Infinity, isPaused: false });
    const standby = standbyWith(doubt);
    const report = new StandbyReport({
      request: { target: new URL('http://new:4242') } as StandbyReportOptions['request'],
      logger: createLogger('error'),
      clock: systemClock,
      metrics: createStandbyMetrics(metrics),
      gate,
      source: { kind: 'data', place: '/data' },
    });
    addStandbyGauges(metrics, standby, () => gate.isPaused);
    expect(report.status(standby)).toMatchObject({
      target: {
        url: 'http://new:4242',
        state: { kind: 'live' },
        doubt: told,
        suspects: 1,
        mends: 2,
      },
    });
    expect((await metrics.scrape()).text).toContain(`\ntsdb_wal_standby_in_doubt ${gauge}\n`);
  },
);
