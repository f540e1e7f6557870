import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createStandbyMetrics } from '../../../src/standby/process/standby-metrics.ts';
import {
  StandbyReport,
  type StandbyReportOptions,
} from '../../../src/standby/process/standby-report.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { Logger } from '../../../src/runtime/logger.ts';
import { Metrics } from '../../../src/runtime/metrics.ts';
import { Gate } from '../../../src/standby/arrivals/gate.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { Standby } from '../../../src/standby/standby.ts';
import { StateDirectory } from '../../../src/standby/target/state-directory.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { Fabricated } from '../../restore/kit/fabricated.ts';
import { harmSegments } from '../../restore/kit/harm-segments.ts';
import type { MadeRecord } from '../../restore/kit/history.ts';
import { StillClock } from '../topic/fake-shared-topic.ts';
import { sourceOf } from '../repository/repository-reads.ts';

const LANE = 'aaaaaaaaaaaaaaaa';
const LIMITS = {
  requestTimeoutMs: 2_000,
  syncTimeoutMs: 1_000,
  healWindowMs: 1,
  batchPointsMax: 500,
  batchBytesMax: 65_536,
};

const nothing = (): void => undefined;

test('what a repository lost to damage is told as any hole, until it is put back and the target has it', async () => {
  await using made = await Fabricated.create();
  await using folder = await tempDirectory('standby-damage');
  await using tsd = await FakeTsd.start();
  const records = [1, 2, 3, 4, 5].map((n): MadeRecord => {
    const lines = [`put m ${1_500_000_000 + n} ${n} h=a`];
    return { receivedAt: 1_000 + n, transport: 'http', lines };
  });
  await made.write([{ lane: LANE, records }], () =>
    records.map((_, n) => ({ level: 'minute', firstSeq: n + 1, lastSeq: n + 1 })),
  );
  const mend = await harmSegments(made.repository, (n) => (n === 2 ? 'data other' : undefined));
  const clock = new StillClock(0);
  const source = await sourceOf(made, clock, folder.path);
  const place = beginningAt(null);
  await source.seek(place);
  const metrics = new Metrics();
  const gate = new Gate({ delayMs: 0, stopAtMs: Infinity, isPaused: false });
  const target = new URL(tsd.url);
  const report = new StandbyReport({
    request: { target } as StandbyReportOptions['request'],
    logger: { info: nothing, warn: nothing, error: nothing } as unknown as Logger,
    clock: systemClock,
    metrics: createStandbyMetrics(metrics),
    gate,
    source: { kind: 'repository', place: made.repository.place },
  });
  const state = await StateDirectory.open(join(folder.path, 'state'), target, false);
  const { events } = report;
  const parts = { target, source, state, place, gate, clock: systemClock, limits: LIMITS, events };
  const standby = new Standby(parts);
  const stop = new AbortController();
  const running = standby.run(stop.signal);
  const hole = { lane: LANE, from: 3, to: 3 };
  await expect.poll(() => report.status(standby)).toMatchObject({ holes: [hole] });
  expect(report.health(standby).degraded.join(' ')).toContain(`records ${LANE}/3 to 3 are lost`);
  expect((await metrics.scrape()).text).toContain('\ntsdb_wal_standby_missing_records_total 1\n');
  await mend();
  await expect
    .poll(() => {
      clock.pass(30_000);
      return report.status(standby);
    })
    .toMatchObject({ holes: [] });
  expect(report.health(standby).degraded.join(' ')).not.toContain('lost');
  const values = (): string[] => tsd.points.map(({ value }) => value);
  await expect.poll(values).toContain('3');
  stop.abort();
  await running;
  await state.close();
});
