import { describe, expect, test } from 'vitest';
import {
  TopicArchiveStatus,
  warningOf,
} from '../../../src/archive/process/topic-archive-status.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Metrics } from '../../../src/runtime/metrics.ts';

const HOUR = 3_600_000;
const known = (ms: number, retentionMs = 168 * HOUR) =>
  ({ kind: 'known', ms, partition: 2, retentionMs }) as const;

describe('an archiver of a topic', () => {
  test('warns when Kafka soon drops what is not archived', () => {
    expect(warningOf(known(2 * HOUR), HOUR)).toBeUndefined();
    expect(warningOf(known(HOUR / 2), HOUR)).toBe(
      'in 30 min Kafka drops what is not archived, in partition 2',
    );
    expect(warningOf(known(0), HOUR)).toBe('Kafka drops what is not archived, in partition 2');
    expect(warningOf(known(Infinity, Infinity), HOUR)).toBeUndefined();
    expect(warningOf({ kind: 'forbidden' }, HOUR)).toContain('DescribeConfigs');
  });

  test('asks no more than half of what the topic keeps', () => {
    expect(warningOf(known(HOUR / 3, HOUR / 2), HOUR)).toBeUndefined();
    expect(warningOf(known(HOUR / 5, HOUR / 2), HOUR)).toBeDefined();
  });

  test('tells by health, status and metrics how it is doing', async () => {
    const flags = { 'kafka.brokers': 'k:9092' };
    const config = await loadConfig({ environment: {}, flags });
    const metrics = new Metrics();
    const status = new TopicArchiveStatus({ config, metrics, logger: createLogger('error') });
    const sample = async (name: string): Promise<string | undefined> => {
      const { text } = await metrics.scrape();
      return new RegExp(`^tsdb_wal_${name} (\\S+)$`, 'm').exec(text)?.[1];
    };
    expect(await sample('topic_headroom_seconds')).toBe('Nan');
    status.told({ kind: 'joined', id: '0123456789abcdef', position: null });
    status.told({ kind: 'state', state: { kind: 'hindered', reason: 'no disk' } });
    status.told({ kind: 'state', state: { kind: 'hindered', reason: 'no disk at all' } });
    expect(await sample('archive_errors_total')).toBe('1');
    status.told({ kind: 'state', state: { kind: 'hindered', reason: 'no disk' } });
    expect(status.health).toMatchObject({ ok: false, reasons: ['nothing is archived: no disk'] });
    status.told({ kind: 'state', state: { kind: 'archiving' } });
    status.told({ kind: 'archived', segment: { points: 7, bytes: 100 } });
    status.toldHeadroom(known(1_800_000), new Map([[2, 17]]));
    expect(status.health).toEqual({
      ok: true,
      reasons: [],
      degraded: ['in 30 min Kafka drops what is not archived, in partition 2'],
    });
    expect(status.status).toMatchObject({
      id: '0123456789abcdef',
      partitions: [{ partition: 2, archived: 17 }],
      headroom: { seconds: 1_800, partition: 2 },
    });
    expect(await sample('topic_headroom_seconds')).toBe('1800');
    expect(await sample('archive_points_total')).toBe('7');
    expect(await sample('archive_up')).toBe('1');
    // While Kafka is away nothing is known, and the warning stays.
    status.toldHeadroom({ kind: 'unknown' }, new Map());
    expect(await sample('topic_headroom_seconds')).toBe('Nan');
    expect(status.health.degraded).toHaveLength(1);
    status.toldHeadroom(known(3 * HOUR), new Map());
    expect(status.health.degraded).toEqual([]);
  });
});
