import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { StandbyState } from '../target/state-directory.ts';

/**
 * What was sent to a target can't be taken back: one that has, or may have, something that was received after the time to stop at never
 * shows that time. `stopAtMs`: epoch ms; Infinity: none. Throws STANDBY_PAST_STOP.
 */
export function assertNotPast(
  { target, place, sentToMs }: Pick<StandbyState, 'target' | 'place' | 'sentToMs'>,
  stopAtMs: number,
): void {
  const latestMs = place?.latestMs ?? -Infinity;
  const isContained = latestMs > stopAtMs;
  const toMs = isContained ? latestMs : (sentToMs ?? -Infinity);
  if (toMs <= stopAtMs) return;
  const has = isContained ? 'contains' : 'may contain';
  const stopAt = formatInstant(stopAtMs);
  throw new WalError(
    'STANDBY_PAST_STOP',
    `${target} ${has} what was received up to ${formatInstant(toMs)}, which is later than --stop-at ${stopAt}`,
    {
      hint: `Nothing was changed. For what was received up to ${stopAt} and nothing later, restore it into empty tables: tsdb-wal restore --to ${stopAt} (docs/RECOVERY.md). To follow on, leave out --stop-at.`,
    },
  );
}
