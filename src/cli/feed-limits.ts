import type { Config } from '../config/options.ts';
import type { FeedLimits } from '../follow/feed.ts';

/** How an OpenTSDB is fed, the primary as well as a standby. */
export function feedLimitsOf({ delivery }: Config): FeedLimits {
  return {
    requestTimeoutMs: delivery.requestTimeout,
    syncTimeoutMs: delivery.syncTimeout,
    healWindowMs: delivery.healWindow,
    batchPointsMax: delivery.batchPointsMax,
    batchBytesMax: delivery.batchBytesMax,
  };
}
