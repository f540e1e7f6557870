import { join } from 'node:path';
import type { Config } from '../config/options.ts';
import type { Clock } from '../runtime/clock.ts';
import { Wal, type WalEvents, type WalOptions } from '../wal/log.ts';
import { NOT_REGISTERED, UNKNOWN_TO_TOPIC } from './lane-gate.ts';
import { type ProxyMetrics, timedSink } from './proxy-metrics.ts';

/** The log of `config.data`, as far as others know of it. */
export async function openWal(
  options: {
    readonly config: Config;
    readonly clock: Clock;
    readonly metrics: ProxyMetrics;
    readonly version: string;
  },
  known: Pick<WalOptions, 'followers' | 'lanes' | 'closed'>,
  events: WalEvents,
): Promise<Wal> {
  const { config, clock, metrics, version } = options;
  return Wal.open({
    directory: join(config.data, 'wal'),
    clock,
    version,
    segmentBytes: config.wal.segmentBytes,
    memoryBytes: config.wal.memoryBytes,
    bytesMax: config.wal.bytesMax,
    freeBytesMin: config.wal.freeBytesMin,
    retentionMs: config.wal.retention,
    events,
    ...known,
    openSink: timedSink((seconds) => metrics.sync.observe(seconds)),
    ...(keepersOf(config).length > 0 && {
      barredAtFirst: config.archive === 'on' ? NOT_REGISTERED : UNKNOWN_TO_TOPIC,
    }),
  });
}

/** Those who must know of a lane before it takes data. */
export function keepersOf({ archive, kafka }: Config): readonly ('archive' | 'kafka')[] {
  return [
    ...(archive === 'on' ? (['archive'] as const) : []),
    ...(kafka.brokers.length > 0 ? (['kafka'] as const) : []),
  ];
}
