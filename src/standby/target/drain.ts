import type { Fork } from '../../record/fork.ts';
import { type Contained, lackingOf, type LaneEnd } from '../../record/lane-end.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Gate } from '../arrivals/gate.ts';
import type { Place } from '../place.ts';

/** What a standby does on the way to be the primary. */
export type PromotionState =
  /** It follows. */
  | { readonly kind: 'none' }
  /** It comes to contain all up to these ends, and then stops; with a fork, all that was received up to its time, and nothing after. */
  | ({
      readonly kind: 'draining';
      readonly ends: readonly LaneEnd[];
      /** It ends after that, epoch ms, whatever its clock says: when proxies were given a primary before. */
      readonly after?: number;
    } & PromotedAs)
  /** It has stopped for good, and others write to its target. */
  | ({ readonly kind: 'promoted'; readonly sinceMs: number } & PromotedAs);

/** What proxies are switched with: a promotion that is gone on with has it from here. */
export interface PromotedAs {
  readonly fork?: Fork;
  /** The origin by which proxies reach the target, where that was said. */
  readonly to?: string;
}

export const FOLLOWING: PromotionState = { kind: 'none' };

/** Where nothing is to end a standby, little is looked at. A drain that begins is looked at anyway. */
const LOOK_MS = { ending: 200, following: 1_000 } as const;

/** How long it may take until it is looked at whether a standby has come to its end. */
export function drainLookMs(
  { kind }: PromotionState,
  { stopAtMs }: { readonly stopAtMs: number },
): number {
  return kind === 'none' && stopAtMs === Infinity ? LOOK_MS.following : LOOK_MS.ending;
}

/** What a standby is made to contain before its target becomes the primary, and what it lacks of that. */
export interface DrainState {
  readonly promotion: PromotionState;
  readonly contained: Place;
  /** Of these ends something is not contained yet; each has no more records than there are. */
  readonly lacking: readonly LaneEnd[];
  /** The target has answered for all that it is to contain: what is lacking is only not proven yet. */
  readonly isSent: boolean;
}

/** What has passed, and whether all that was received up to a time has. */
export interface Passing {
  readonly passing: Contained;
  readonly isOverAt: (ms: number) => boolean;
}

/**
 * Lets pass what a drain needs, without a delay, and no more: once that is on its way the gate is closed, and the drain is over when
 * all that passed is contained. So nothing is under way to the target then. What must be passed on again, since the target failed
 * or something came late, opens the gate again.
 */
export function drainStep(
  { ends, fork }: Extract<PromotionState, { kind: 'draining' }>,
  gate: Gate,
  { passing, isOverAt }: Passing,
): 'passing' | 'passed' {
  const isPassed = hasPassed({ ends, fork }, { passing, isOverAt });
  gate.drain(fork?.at ?? Infinity);
  if (isPassed) gate.shut();
  return isPassed ? 'passed' : 'passing';
}

/** `isAnswered`: the target has answered for all that has passed. */
export function drainState(
  promotion: PromotionState,
  contained: Place,
  { isAnswered, ...passing }: Passing & { readonly isAnswered: boolean },
): DrainState {
  if (promotion.kind !== 'draining') {
    return { promotion, contained, lacking: [], isSent: promotion.kind === 'promoted' };
  }
  const { ends, fork } = promotion;
  const isSent = isAnswered && hasPassed({ ends, fork }, passing);
  return { promotion, contained, lacking: lackingOf(ends, contained), isSent };
}

/** Whether all that a drain needs is on its way to the target, or there. */
function hasPassed(
  { ends, fork }: { readonly ends: readonly LaneEnd[]; readonly fork: Fork | undefined },
  { passing, isOverAt }: Passing,
): boolean {
  return lackingOf(ends, passing).length === 0 && (fork === undefined || isOverAt(fork.at));
}

/** What a drain is told besides what it is to contain. */
export interface DrainTold {
  /** The origin by which proxies reach the target; undefined: as is known. */
  readonly to?: string | undefined;
  /** When proxies were given a primary before, epoch ms; undefined: never, as far as is known. */
  readonly after?: number | undefined;
}

/** As a drain ends. */
export function promotedOf(
  { fork, to, after = -Infinity }: Extract<PromotionState, { kind: 'draining' }>,
  nowMs: number,
): PromotionState {
  return { kind: 'promoted', sinceMs: Math.max(nowMs, after + 1), ...saidOf(fork, to) };
}

/** What is said of what proxies are switched with. */
export function saidOf(fork: Fork | undefined, to: string | undefined): PromotedAs {
  return { ...(fork && { fork }), ...(to !== undefined && { to }) };
}

/** `sentToMs`: nothing later was ever sent to the target, epoch ms. Throws PROMOTE_REFUSED. */
export function assertMayDrain(
  promotion: PromotionState,
  fork: Fork | undefined,
  sentToMs: number,
): void {
  const known = promotion.kind === 'none' ? undefined : promotion.fork;
  if (promotion.kind === 'promoted' && fork?.at !== known?.at) throw otherTime(known);
  if (fork === undefined && known !== undefined) throw otherTime(known);
  if (fork !== undefined && known !== undefined) assertUndoesAsMuch(fork, known);
  if (fork === undefined || promotion.kind === 'promoted' || sentToMs <= fork.at) return;
  throw new WalError(
    'PROMOTE_REFUSED',
    `the target of the standby has, or may have, what was received up to ${formatInstant(sentToMs)}, which is after ${formatInstant(fork.at)}`,
    {
      hint: 'Take another standby, with a longer --delay. Or restore the time into empty tables (docs/RECOVERY.md, B), and promote those.',
    },
  );
}

/** A proxy may have been switched with the one that is known. */
function assertUndoesAsMuch(fork: Fork, known: Fork): void {
  const lanes = new Set(fork.undone.map(({ lane }) => lane));
  const left = known.undone.find(({ lane }) => !lanes.has(lane));
  if (left === undefined) return;
  throw new WalError(
    'PROMOTE_REFUSED',
    `records of lane ${left.lane} are undone by fork ${known.id}, with which the standby is drained, and not by ${fork.id}`,
    { hint: 'Name all the proxies that were named before.' },
  );
}

function otherTime(known: Fork | undefined): WalError {
  const message =
    known === undefined
      ? 'the standby has stopped with all that it was to contain, not as of a time'
      : `the standby was drained as of ${formatInstant(known.at)}`;
  const flag = known === undefined ? 'without --as-of' : `with --as-of ${formatInstant(known.at)}`;
  return new WalError('PROMOTE_REFUSED', message, { hint: `Promote it ${flag}.` });
}

/**
 * Whether one that was promoted is to follow again. What the last start was told, too, was meant for what was before that: a flag that stays in a
 * unit would have two write to the target after the next promotion.
 */
export function isToFollowAgain(
  {
    promotion,
    wasToldAgain,
  }: { readonly promotion: PromotionState; readonly wasToldAgain: boolean },
  isTold: boolean,
): boolean {
  return promotion.kind === 'promoted' && isTold && !wasToldAgain;
}
