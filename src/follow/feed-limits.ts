import type { FeedLimits } from './feed.ts';

/** As the option table has it; times are ms. */
interface DeliverySettings {
  readonly requestTimeout: number;
  readonly syncTimeout: number;
  readonly healWindow: number;
  readonly batchPointsMax: number;
  readonly batchBytesMax: number;
}

/** How an OpenTSDB is fed, the primary as well as a standby. */
export function feedLimitsOf(delivery: DeliverySettings): FeedLimits {
  return {
    requestTimeoutMs: delivery.requestTimeout,
    syncTimeoutMs: delivery.syncTimeout,
    healWindowMs: delivery.healWindow,
    batchPointsMax: delivery.batchPointsMax,
    batchBytesMax: delivery.batchBytesMax,
  };
}
