import type { Fork, UndoneRange } from '../record/fork.ts';
import type { LaneEnd } from '../record/lane-end.ts';
import { formatInstant } from '../runtime/instant.ts';
import {
  type DrainView,
  endsView,
  isLookedAt,
  type ProxyView,
  type StandbyView,
} from './promote-views.ts';
import type { Admin } from '../admin/admin-client.ts';

/** A promotion to what was received up to a moment. */
export interface AsOf {
  /** Receive time, epoch ms. */
  readonly ms: number;
  /** Of the fork, if this run is the one to make it. */
  readonly id: string;
}

/** A lane that was written to so shortly before a moment belongs to a proxy that ran then: it logs something each second. */
export const RUNNING_MS = 30_000;
const SPARE_MS = 60_000;

/** Why it can't be made as things stand. `nowMs`: epoch ms. */
export function asOfProblems(
  asOf: AsOf | undefined,
  standby: StandbyView,
  proxies: readonly ProxyView[],
  nowMs: number,
): string[] {
  const { promotion, fork } = standby;
  if (promotion !== 'none' && fork?.at !== asOf?.ms) {
    const drained = fork === undefined ? 'without --as-of' : `--as-of ${formatInstant(fork.at)}`;
    return [`the standby was drained already, ${drained}: say the same`];
  }
  if (asOf === undefined) return [];
  const at = formatInstant(asOf.ms);
  const problems: string[] = [];
  if (asOf.ms >= nowMs) problems.push(`${at} is not past`);
  if (promotion === 'none' && standby.sentToMs > asOf.ms) {
    const sentTo = formatInstant(standby.sentToMs);
    problems.push(
      `the target of the standby has, or may have, what was received up to ${sentTo}, which is after ${at}: take one with a longer delay, or restore that time (docs/RECOVERY.md, B)`,
    );
  }
  for (const { address, version, kafka } of proxies) {
    if (version !== standby.version) {
      problems.push(
        `proxy ${address} has version ${version}, the standby ${standby.version}: with --as-of all must have one`,
      );
    }
    if (kafka !== undefined && kafka !== 'live') {
      problems.push(`Kafka is ${kafka} for proxy ${address}: it is to be told what is undone`);
    }
  }
  if (promotion !== 'promoted' && isLookedAt(standby, asOf)) {
    problems.push(...writerProblems(asOf, standby, proxies));
  }
  return problems;
}

/** What others than these proxies have written since could not be undone; the standby may have applied nothing of them, and knows of them all the same. */
function writerProblems(
  { ms }: AsOf,
  { seen }: StandbyView,
  proxies: readonly ProxyView[],
): string[] {
  return seen.lanes
    .filter(({ lane, wroteMs }) => wroteMs > ms && !proxies.some(({ own }) => own.has(lane)))
    .map(
      ({ lane, wroteMs }) =>
        `lane ${lane} has written since, up to ${formatInstant(wroteMs)}, and none of these proxies has it: what it received after the moment could not be undone. Name its proxy; one that is gone: docs/PROMOTE.md`,
    );
}

/** What the standby has to apply first is applied while proxies are held. */
export function asOfWarnings(asOf: AsOf, { lagSeconds }: StandbyView, nowMs: number): string[] {
  const applied = lagSeconds * 1_000 - (nowMs - asOf.ms);
  if (applied < SPARE_MS) return [];
  const seconds = Math.round(applied / 1_000);
  return [`the standby applies what was received in ${seconds} s while the proxies are held`];
}

/** What proxies had received by then, and what they have received since. */
export interface Cut {
  readonly lanes: readonly LaneEnd[];
  readonly later: readonly UndoneRange[];
  /** What promotions undid that the moment lies within: as of an earlier one, and told later. */
  readonly around: readonly Fork[];
}

/** Asks a proxy; rejects when it can't tell. */
export async function cutOf(proxy: Admin, { ms }: AsOf, to: string): Promise<Cut> {
  const answer = await proxy.post('/primary/ends', { at: ms, to });
  if (answer.kind !== 'answered') throw new Error(`proxy ${proxy.address}: ${answer.reason}`);
  const cut = endsView(answer.value);
  if (cut === undefined) throw new Error(`proxy ${proxy.address} answers something else`);
  return cut;
}

/** Why a standby that doesn't know of them can't be promoted: what it had received by then, it may have. */
export function aroundProblems(
  asOf: AsOf,
  cuts: readonly Cut[],
  { forks }: Pick<StandbyView, 'forks'>,
): string[] {
  const around = new Map(cuts.flatMap((cut) => cut.around.map((fork) => [fork.id, fork] as const)));
  return [...around.values()]
    .filter(({ id }) => !forks.includes(id))
    .map(
      ({ id, at }) =>
        `${formatInstant(asOf.ms)} lies within a promotion as of ${formatInstant(at)} (fork ${id}), and the standby does not know what that undid: try again in some seconds; if it still does not know, its target has that, and another standby must be taken`,
    );
}

/** Why proxies can't be switched with the fork that others were switched with: it is in the log, and takes nothing in any more. */
export function leftOutProblems(fork: Fork, cuts: ReadonlyMap<string, Cut>): string[] {
  const named = new Set(fork.undone.map(({ lane }) => lane));
  const at = formatInstant(fork.at);
  return [...cuts].flatMap(([address, { later }]) => {
    const left = later.find(({ lane }) => !named.has(lane));
    return left === undefined
      ? []
      : [
          `proxy ${address} was left out when others were switched as of ${at}: what lane ${left.lane} has received since cannot be undone any more. docs/PROMOTE.md has how to switch it all the same`,
        ];
  });
}

export function forkAsOf({ id, ms }: AsOf, cuts: readonly Cut[]): Fork {
  return { id, at: ms, undone: cuts.flatMap(({ later }) => later) };
}

/** Throws where a lane that the standby came to may have gone on after the moment, and none of the proxies is its own. */
export function assertAllNamed(
  { ms }: AsOf,
  { contained }: DrainView,
  named: ReadonlySet<string>,
): void {
  for (const [lane, { receivedAt }] of contained.lanes) {
    if (named.has(lane) || receivedAt < ms - RUNNING_MS) continue;
    throw new Error(
      `lane ${lane} was written to at ${formatInstant(ms)}, and none of these proxies has it: what it received since cannot be undone. Name its proxy; one that is gone: docs/PROMOTE.md`,
    );
  }
}
