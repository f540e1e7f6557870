import { parseInstant } from '../runtime/instant.ts';

/** The moment to restore to. `safe`: the latest for which the repository surely holds everything. */
export type RestoreTime = { readonly kind: 'safe' } | { readonly kind: 'at'; readonly ms: number };

/** Reads `safe`, or a time. Throws CONFIG_INVALID otherwise. */
export function parseRestoreTime(flag: string, text: string): RestoreTime {
  if (text.trim() === 'safe') return { kind: 'safe' };
  return {
    kind: 'at',
    ms: parseInstant(flag, text, 'safe for the latest moment that is complete'),
  };
}
