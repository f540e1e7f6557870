import type { Config } from '../../config/options.ts';

/** `oldest`: with the oldest record that the source has. `at`: the target contains everything up to then. */
type Begin =
  | { readonly kind: 'oldest' }
  | { readonly kind: 'at'; readonly ms: number }
  /** As the source allows: from its oldest record where nothing is before that. */
  | { readonly kind: 'unsaid' };

export interface StandbyRequest {
  readonly config: Config;
  readonly target: URL;
  readonly state: string;
  readonly begin: Begin;
  readonly delayMs: number;
  /** Epoch ms; Infinity for none. */
  readonly stopAtMs: number;
  readonly isMoved: boolean;
  /** Whether the log of the data directory was named. */
  readonly isData: boolean;
  /** What an empty target is given first, and what is followed where nothing else is named; undefined: nothing. */
  readonly repository: string | undefined;
  /** A standby that was promoted follows again. */
  readonly isFollowingAgain: boolean;
}
