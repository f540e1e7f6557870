import { createAdminServer } from '../admin/admin-server.ts';
import { formatAddress } from '../config/address.ts';
import type { Config } from '../config/options.ts';
import { createFrontDoor, type FrontDoor } from '../ingest/front-door.ts';
import { shortRefusal } from '../ingest/write-path/durable-write-path.ts';
import { makeFolder } from '../runtime/durable-file.ts';
import { WalError } from '../runtime/errors.ts';
import { systemClock, untilAborted } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { Metrics } from '../runtime/metrics.ts';
import { DirectoryLock } from '../wal/directory-lock.ts';
import { assertFree } from '../runtime/assert-free.ts';
import { addArchiveGauges } from './archive-gauges.ts';
import { untilDrained } from './until-reached.ts';
import { listenForStop } from '../runtime/stop-signal.ts';
import { addKafkaGauges } from './kafka-metrics.ts';
import { primaryActions } from './primary-actions.ts';
import { addProxyGauges, createProxyMetrics } from './proxy-metrics.ts';
import { Proxy } from './proxy.ts';
import { healthOf, statusOf, telnetStats } from './status.ts';
import { VERSION } from '../runtime/version.ts';

const LIMITS = {
  /** A start waits so long for its lane to be registered before it listens all the same. */
  admitMsMax: 2_000,
  /** A stop waits so long for the end of the log to be archived; the next start goes on with it. */
  drainMsMax: 3_000,
} as const;

/** Of a proxy that is one of several. */
interface Part {
  /** It listens to no one, and ends when all that its log had is where it belongs. */
  readonly isDraining: boolean;
  /** Another process opens the port that it takes connections of. */
  readonly sharesPort: boolean;
  started(): void;
  drained(): void;
}

const ALONE: Part = {
  isDraining: false,
  sharesPort: false,
  started: () => undefined,
  drained: () => undefined,
};

/** Runs the proxy; resolves once it was told to stop and has stopped, or has drained its log. */
export async function runStart(config: Config, logger: Logger, part = ALONE): Promise<void> {
  const stop = listenForStop((signal) => logger.info({ signal }, 'stopping'));
  const lock = await lockData(config.data);
  try {
    await serve(config, logger, stop.signal, part);
  } finally {
    await lock.release();
  }
}

async function serve(
  config: Config,
  logger: Logger,
  signal: AbortSignal,
  part: Part,
): Promise<void> {
  const { admin: adminAddress, listen } = config;
  await assertFree({ admin: adminAddress, ...(!part.sharesPort && { listen }) });
  const metrics = new Metrics();
  const counters = createProxyMetrics(metrics);
  const proxy = await Proxy.open({
    config,
    clock: systemClock,
    logger,
    metrics: counters,
    version: VERSION,
  });
  const door = openDoor(config, proxy, counters.ingest);
  addGauges(metrics, proxy, door);
  const { archiving, replication } = proxy;
  let isListening = false;
  const admin = createAdminServer({
    status: () => statusOf(config, proxy, door.connections()),
    health: () => healthOf(proxy),
    ready: () =>
      isListening && proxy.wal.refusal === undefined && proxy.replication?.isClockOff !== true,
    metrics,
    actions: primaryActions(proxy.feeding),
  });
  const running = new AbortController();
  const run = proxy.run(running.signal);
  const archive = new AbortController();
  const archived = archiving?.run(archive.signal);
  try {
    await admin.start(adminAddress);
    // Clients need not be told to try again for what takes no time.
    await proxy.untilAdmitted(LIMITS.admitMsMax, signal);
    if (!part.isDraining) {
      await door.listen(listen.host, listen.port);
      isListening = true;
      announce(config, proxy.feeding.url, logger);
    }
    part.started();
    const drained = part.isDraining
      ? untilDrained(proxy, systemClock, signal)
      : untilAborted(signal);
    await Promise.race([drained, run]);
    if (part.isDraining && !signal.aborted) part.drained();
  } finally {
    const { shutdownTimeout } = config.limits;
    // A primary that is slow now must not cost those who wait their answer.
    const letGo = setTimeout(() => {
      proxy.primary.degrade(STOPPING);
      replication?.degrade(STOPPING);
    }, shutdownTimeout / 2);
    await door.close(shutdownTimeout);
    clearTimeout(letGo);
    running.abort();
    try {
      await run;
    } finally {
      await proxy.close();
      await archiving?.drain(proxy.wal.durable, LIMITS.drainMsMax);
      archive.abort();
      await archived;
      await admin.close();
    }
  }
  logger.info('stopped');
}

function addGauges(metrics: Metrics, proxy: Proxy, door: FrontDoor): void {
  addProxyGauges(metrics, gaugesOf(proxy, door));
  const { archiving } = proxy;
  if (archiving !== undefined) {
    addArchiveGauges(metrics, archiving, () => proxy.lagOf(archiving.position));
  }
  const { replication } = proxy;
  if (replication !== undefined) {
    addKafkaGauges(metrics, replication, () => proxy.lagOf(replication.acknowledged));
  }
}

const STOPPING = 'the proxy is stopping';

function openDoor(
  config: Config,
  proxy: Proxy,
  counters: ReturnType<typeof createProxyMetrics>['ingest'],
): FrontDoor {
  return createFrontDoor({
    primary: () => proxy.feeding.url,
    lane: () => proxy.wal.lane,
    mutations: config.mutations,
    blockedPaths: config.blockedPaths,
    limits: { ...config.limits, idleTimeoutMs: config.limits.idleTimeout },
    rules: () => proxy.primary.rules,
    writePath: proxy.writePath,
    counters,
    telnetVersion: () => proxy.primary.version ?? OWN_VERSION,
    telnetStats: () => telnetStats(proxy),
    bypassMarker: async (method, path, source) => {
      if (!proxy.wal.isAdmitted) throw new Error(shortRefusal(proxy.wal));
      if (proxy.primary.isHeld) throw new Error(HELD);
      const isDurable = await proxy.writePath.logControl({ kind: 'bypass', method, path, source });
      if (!isDurable) throw new Error(shortRefusal(proxy.wal));
      if (proxy.primary.isHeld) throw new Error(HELD);
    },
  });
}

const HELD = 'the primary is held, so that another can take its place';

/** In the form of OpenTSDB's own reply, by which clients know its end. */
const OWN_VERSION = `net.opentsdb.tools tsdb-wal built at revision ${VERSION} (CLEAN)\nBuilt on 2026/01/01 00:00:00 +0000 by tsdb-wal@localhost:/tsdb-wal\n`;

function gaugesOf(proxy: Proxy, door: FrontDoor): Parameters<typeof addProxyGauges>[1] {
  const { primary, wal } = proxy;
  return {
    degraded: () => primary.state.kind !== 'live',
    refusing: () => wal.refusal !== undefined,
    walBytes: () => wal.bytes,
    walSegments: () => wal.segments.length,
    durableAt: () => proxy.durableAt,
    deliveredLag: () => proxy.lagOf(primary.delivered),
    confirmedLag: () => proxy.lagOf(primary.confirmed),
    connections: () => door.connections(),
    doubt: () => primary.doubt !== undefined,
    suspects: () => primary.open.suspects,
    mends: () => primary.open.mends,
    held: () => primary.isHeld,
    lacking: () => proxy.feeding.isLacking,
    others: () => primary.look?.kind,
  };
}

const PROMISES = {
  all: 'an answer means: durable in the log, and in Kafka (where there is one) and handled by the primary unless degraded; nothing acknowledged is lost by a crash of one of them',
  kafka:
    'an answer means: durable in the log and, unless degraded, in Kafka; what the primary refuses later is found in the dead letters only',
  wal: 'an answer means: durable in the log; what the primary refuses later is found in the dead letters only',
} as const;

function announce(config: Config, primary: URL, logger: Logger): void {
  const { listen, admin, data, ack, archive, repository } = config;
  const addresses = { listen: formatAddress(listen), admin: formatAddress(admin) };
  const kept = archive === 'on' ? repository : 'off';
  logger.info(
    { ...addresses, primary: primary.origin, data, ack, archive: kept, version: VERSION },
    'listening',
  );
  logger.info({ ack }, PROMISES[ack]);
}

async function lockData(directory: string): Promise<DirectoryLock> {
  try {
    await makeFolder(directory);
    return await DirectoryLock.acquire(directory);
  } catch (cause) {
    if (cause instanceof WalError) throw cause;
    const { message } = cause as Error;
    throw new WalError('DATA_UNUSABLE', `${directory} cannot be used: ${message}`, {
      cause,
      hint: 'Make room there, let this user write there, or choose another --data.',
    });
  }
}
