import type { Health } from '../admin/admin-server.ts';
import type { Config } from '../config/options.ts';
import type { Hole } from '../record/control.ts';
import { formatPosition, type Position } from '../record/position.ts';
import { coverageStatus } from '../archive/process/coverage-status.ts';
import { showDoubt } from '../follow/prove/show-doubt.ts';
import type { Archiving } from './archiving.ts';
import { describeFeeding } from './feeding.ts';
import type { Proxy } from './proxy.ts';
import type { Replication } from './replication.ts';
import { VERSION } from '../runtime/version.ts';

/** What /status shows; its shape is part of the interface (docs/OPERATIONS.md). */
export function statusOf(config: Config, proxy: Proxy, connections: number): unknown {
  const { wal, primary, feeding, archiving, replication } = proxy;
  const delivered = proxy.lagOf(primary.delivered);
  const confirmed = proxy.lagOf(primary.confirmed);
  return {
    version: VERSION,
    connections,
    log: {
      taking: wal.refusal === undefined,
      ...(wal.refusal !== undefined && { refusal: wal.refusal }),
      durable: formatPosition(wal.durable),
      durableAt: new Date(proxy.durableAt).toISOString(),
      bytes: wal.bytes,
      segments: wal.segments.length,
      lanes: [...new Set(wal.segments.map(({ lane }) => lane))],
      holes: proxy.holes,
    },
    primary: {
      ...describeFeeding(feeding.state),
      state: primary.state,
      delivered: show(primary.delivered),
      confirmed: show(primary.confirmed),
      lagSeconds: delivered.seconds,
      lagBytes: delivered.bytes,
      unconfirmedSeconds: confirmed.seconds,
      ...primary.open,
      doubt: showDoubt(primary.doubt),
      ...(primary.look !== undefined && { others: primary.look }),
      deadLetters: feeding.deadLetters,
    },
    ...(replication !== undefined && { kafka: kafkaStatus(config, proxy, replication) }),
    archive: archiving === undefined ? { mode: 'off' } : archiveStatus(config, proxy, archiving),
  };
}

function kafkaStatus({ kafka }: Config, proxy: Proxy, replication: Replication): object {
  const lag = proxy.lagOf(replication.acknowledged);
  return {
    brokers: kafka.brokers,
    topic: kafka.topic.name,
    state: replication.state,
    registered: replication.isRegistered,
    acknowledged: show(replication.acknowledged),
    lagSeconds: lag.seconds,
    lagBytes: lag.bytes,
    refills: replication.refills,
    clockOffsetMs: replication.clockOffsetMs,
    troubles: replication.troubles,
  };
}

function archiveStatus(config: Config, proxy: Proxy, archiving: Archiving): object {
  const { coverage, position } = archiving;
  const lag = proxy.lagOf(position);
  return {
    mode: 'on',
    repository: config.repository,
    id: archiving.repositoryId ?? null,
    state: archiving.state,
    registered: archiving.isRegistered,
    archived: show(position),
    lagSeconds: lag.seconds,
    lagBytes: lag.bytes,
    ...coverageStatus(coverage),
    troubles: archiving.troubles,
    process: archiving.process,
  };
}

export function healthOf(proxy: Proxy): Health {
  const { wal, feeding, archiving, replication, unarchived, elsewhere } = proxy;
  const { refusal } = wal;
  const holes = proxy.holes.map((hole) => tellLost(hole, archiving !== undefined));
  return {
    ok: refusal === undefined,
    reasons: refusal === undefined ? [] : [refusal],
    degraded: [
      ...feeding.troubles,
      ...holes,
      ...(replication?.troubles ?? []),
      ...(archiving?.troubles ?? []),
      ...unarchived.troubles,
      ...elsewhere.troubles,
    ],
  };
}

/** Of records that the log no longer has; a repository may have some. */
export function tellLost({ lane, from, to, reason }: Hole, isArchived: boolean): string {
  const rest = isArchived ? '; `tsdb-wal info` tells which of them are archived' : '';
  return `records ${lane}/${from} to ${to} are lost: ${reason}${rest}`;
}

/** Our own answer to telnet `stats`, in OpenTSDB's form, while the primary gives none. */
export function telnetStats(proxy: Proxy): string {
  const now = Math.floor(Date.now() / 1_000);
  const { wal, primary } = proxy;
  const lines = [
    `tsd.wal.log.bytes ${now} ${wal.bytes} host=tsdb-wal`,
    `tsd.wal.primary.live ${now} ${Number(primary.state.kind === 'live')} host=tsdb-wal`,
    `tsd.wal.primary.lag_bytes ${now} ${proxy.lagOf(primary.delivered).bytes} host=tsdb-wal`,
  ];
  return `${lines.join('\n')}\n`;
}

function show(position: Position | undefined): string | null {
  return position === undefined ? null : formatPosition(position);
}
