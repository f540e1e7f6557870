import { type Contained, lackingOf, type LaneEnd } from '../record/lane-end.ts';
import type { Gate } from './gate.ts';
import type { Place } from './place.ts';

/** What a standby does on the way to be the primary. */
export type Promotion =
  /** It follows. */
  | { readonly kind: 'none' }
  /** It comes to contain all up to these ends, and then stops. */
  | { readonly kind: 'draining'; readonly ends: readonly LaneEnd[] }
  /** It has stopped for good, and others write to its target. */
  | { readonly kind: 'promoted'; readonly sinceMs: number };

export const FOLLOWING: Promotion = { kind: 'none' };

/** What a standby is made to contain before its target becomes the primary, and what it lacks of that. */
export interface DrainState {
  readonly promotion: Promotion;
  readonly contained: Place;
  /** Of these ends something is not contained yet; each has no more records than there are. */
  readonly lacking: readonly LaneEnd[];
}

/**
 * Lets pass what a drain needs, without a delay, and no more: once that is on its way the gate is closed, and the drain is over when
 * all that passed is contained. So nothing is under way to the target then. What must be passed on again, since the target failed
 * or something came late, opens the gate again.
 */
export function drainStep(
  ends: readonly LaneEnd[],
  gate: Gate,
  passed: Contained,
): 'passing' | 'passed' {
  const isPassed = lackingOf(ends, passed).length === 0;
  gate.drain(isPassed ? 'closed' : 'open');
  return isPassed ? 'passed' : 'passing';
}
