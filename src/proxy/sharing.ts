import type { Config } from '../config/options.ts';
import type { Shared } from '../follow/feed.ts';
import { LOOK_LIMITS } from '../follow/others/look-through.ts';
import type { Undone } from '../record/fork.ts';
import { earlier, type Position } from '../record/position.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Wal } from '../wal/log.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { Replication } from './replication.ts';

/** What is said of other proxies' writes to the primary. */
export const OTHERS_SEEN = {
  alone: 'no other proxy writes to the primary',
  shared: 'other proxies write to the primary, or may: the later of two writes stays',
  blind: 'which of two writes through two proxies is the later one is not looked at now',
} as const;

/** How the primary is shared with other proxies: what they write is in the topic. */
export function sharingOf(proxy: {
  readonly config: Config;
  readonly replication: Replication;
  readonly wal: Wal;
  readonly undone: Undone;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly lagOf: (position: Position | undefined) => { readonly seconds: number };
}): Shared {
  const { config, replication, wal, undone, logger, metrics, lagOf } = proxy;
  return {
    others: {
      read: (fromMs, signal) => replication.others.read(fromMs, signal),
      seeAll: () => lagOf(replication.acknowledged).seconds * 1_000 < LOOK_LIMITS.visibleMsMax,
    },
    limits: { ...LOOK_LIMITS, clockBoundMs: config.kafka.clockBound },
    receiveNow: () => wal.now(),
    undone,
    // What others can't see yet they can't give way to: it is looked at again after a restart.
    mayPass: (confirmed) => earlier(confirmed, replication.acknowledged),
    onState: (state) => {
      if (state.kind === 'blind') logger.warn({ reason: state.reason }, OTHERS_SEEN.blind);
      else logger.info(OTHERS_SEEN[state.kind]);
    },
    onLater: (points) => metrics.givenWay.inc(points),
  };
}
