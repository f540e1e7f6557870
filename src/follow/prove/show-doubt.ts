import type { DoubtState } from './doubt.ts';
import { formatInstant } from '../../runtime/instant.ts';

/** As /status has it, of what a proxy or a standby feeds (docs/JSON.md). */
export function showDoubt(doubt: DoubtState | undefined): object | null {
  return doubt === undefined ? null : { ...doubt, since: formatInstant(doubt.since) };
}
