import { describe, expect, test } from 'vitest';
import { Metrics } from '../../src/runtime/metrics.ts';

describe('metrics', () => {
  test('are scraped as text under one prefix, with their labels', async () => {
    const metrics = new Metrics();
    const refused = metrics.counter({
      name: 'refused_points_total',
      help: 'Points that were refused.',
      labels: ['reason'],
    });
    refused.labels('full').inc(3);
    const { contentType, text } = await metrics.scrape();
    expect(contentType).toContain('text/plain');
    expect(text).toContain('tsdb_wal_refused_points_total{reason="full"} 3');
  });

  test('tell a tally from 0 on, and what was added to it, at each scrape', async () => {
    const metrics = new Metrics();
    const taken = metrics.tally({ name: 'taken_total', help: 'What was taken.' }, 'kind', [
      'one',
      'other',
    ]);
    const scraped = async (): Promise<(string | undefined)[]> => {
      const { text } = await metrics.scrape();
      return ['one', 'other'].map((kind) => text.split(`taken_total{kind="${kind}"} `)[1]?.[0]);
    };
    expect(await scraped()).toEqual(['0', '0']);
    taken('one', 2);
    taken('one', 3);
    expect(await scraped()).toEqual(['5', '0']);
    taken('one', 1);
    taken('other', 4);
    expect(await scraped()).toEqual(['6', '4']);
  });

  test('take a gauge from where its value lives, at each scrape', async () => {
    const metrics = new Metrics();
    let length = 1;
    metrics.gauge({ name: 'queue_points', help: 'Points that wait.', sample: () => length });
    length = 7;
    expect((await metrics.scrape()).text).toContain('tsdb_wal_queue_points 7');
  });

  test('count a histogram in the buckets given', async () => {
    const metrics = new Metrics();
    const duration = metrics.histogram({
      name: 'fsync_duration_seconds',
      help: 'How long an fsync took.',
      buckets: [0.01, 0.1],
    });
    duration.observe(0.05);
    expect((await metrics.scrape()).text).toContain(
      'tsdb_wal_fsync_duration_seconds_bucket{le="0.1"} 1',
    );
  });

  test('include those of any process when asked to', async () => {
    const metrics = new Metrics();
    metrics.collectProcess();
    const { text } = await metrics.scrape();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(text).not.toContain('nodejs_eventloop_lag_p99');
  });

  test('are kept from names that Prometheus would not expect', () => {
    const metrics = new Metrics();
    expect(() => metrics.counter({ name: 'points', help: '' })).toThrow('_total');
    expect(() => metrics.gauge({ name: 'queuePoints', help: '' })).toThrow('snake case');
    expect(() => metrics.histogram({ name: 'fsync', help: '', buckets: [] })).toThrow('unit');
  });
});
