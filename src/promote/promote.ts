import { fieldsOf } from '../record/fields.ts';
import { type Fork, recordsIn } from '../record/fork.ts';
import { type LaneEnd, parseLaneEnds } from '../record/lane-end.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Admin } from '../admin/admin-client.ts';
import { type AsOf, type Cut, cutOf, forkAsOf } from './as-of.ts';
import { drainStandby, proofOf, type Wanted } from './drain-standby.ts';
import { termsOfOthers } from './new-primary.ts';
import { beforeOf, isAnyAway } from './old-primary.ts';
import { type Looked, lookAtAll, refused } from './promote-look.ts';
import type { PromoteEvent } from './promote-event.ts';
import { type DrainView, proxyView } from './promote-views.ts';

export interface PromoteOptions {
  readonly standby: Admin;
  readonly proxies: readonly Admin[];
  /** How proxies reach the target; undefined: as a run before this one said, or as the standby does. */
  readonly to: URL | undefined;
  /** Undefined: nothing is undone. */
  readonly asOf: AsOf | undefined;
  readonly isDryRun: boolean;
  readonly clock: Clock;
  readonly tell: (event: PromoteEvent) => void;
}

const LIMITS = {
  pollMs: 300,
  /** A proxy that is to be switched may be silent for so long. */
  silenceMsMax: 60_000,
  /** The new primary has so long to be up to date before the command ends without waiting for it. */
  liveMsMax: 60_000,
} as const;

/** A proxy that is to be switched. */
interface Held {
  readonly proxy: Admin;
  /** What the new primary is to contain of it; as held at first. */
  lanes: readonly LaneEnd[];
  readonly sinceMs: number;
  readonly before: string;
  /** What it received by then, epoch ms, what is held surely stores; undefined: it isn't known. */
  readonly storedToMs: number | undefined;
}

/**
 * Makes the target of a standby the primary of proxies that go on taking writes:
 *
 * 1. look at all, and refuse what could not be finished;
 * 2. hold every proxy: from here on nothing goes to the old primary, and each tells what may have been sent to it;
 * 3. drain the standby up to there: it contains all that, and stops for good;
 * 4. switch every proxy: each feeds the new primary from after what that contains.
 *
 * As of a moment it is the same, but the standby is drained to what was received by then; what the proxies received after it and before
 * they were held is undone. By which fork is asked of nobody but the standby, which keeps it with its drain: every proxy is told with
 * its switch, and tells its log before it sends anything to the new primary. Until the first switch it is nowhere in the log.
 *
 * What fails before the first switch is undone: the standby follows on, unless it has stopped already, and the proxies feed the old
 * primary again. After the first switch there is no way back: the rest stays held until it is switched. Each step is durable where it is
 * made and changes nothing when it was made before, so the same command goes on wherever it ended, also by a kill.
 */
export class Promotion {
  readonly #options: PromoteOptions;

  constructor(options: PromoteOptions) {
    this.#options = options;
  }

  /** Throws PROMOTE_REFUSED when nothing has changed in the end, and PROMOTE_UNFINISHED when it must be run again. */
  async run(signal: AbortSignal): Promise<void> {
    const { standby, isDryRun } = this.#options;
    const { target, open, seen, views, storedTo, isAnySwitched } = await this.#check();
    if (isDryRun) return;
    let held: readonly Held[];
    let drained: DrainView;
    let wanted: Wanted;
    try {
      held = await this.#hold(open, storedTo);
      const known = isAnySwitched ? seen.fork : undefined;
      const named = new Set(
        [...held, ...views].flatMap(({ lanes }) => lanes.map((one) => one.lane)),
      );
      const ended = termsOfOthers(views, target).map(({ since }) => since);
      const after = ended.length === 0 ? undefined : Math.max(...ended);
      wanted = await this.#want(held, { target, known, named, after, isAnySwitched });
      drained = await drainStandby(this.#options, wanted, signal);
    } catch (error) {
      const reason = (error as Error).message;
      if (isAnySwitched) throw unfinished(reason, error);
      return this.#giveUp(open, reason);
    }
    const { asOf, tell } = this.#options;
    for (const { proxy, lanes } of held) {
      tell(proofOf({ address: proxy.address, lanes }, drained, asOf));
    }
    const { fork } = wanted;
    const { containedJson: contained, sinceMs: since } = drained;
    const switched = { to: target, contained, since, ...(fork && { fork }) };
    await this.#switch(held, switched, isAnySwitched);
    await this.#untilLive(target);
    const isAll = !isAnySwitched && !isAnyAway(seen, views);
    const before = beforeOf(held, { isAll, isUndone: asOf !== undefined });
    tell({ event: 'done', target, standby: standby.address, before });
  }

  async #check(): Promise<Omit<Looked, 'checked'> & { readonly target: string }> {
    const { checked, ...looked } = await lookAtAll(this.#options);
    this.#options.tell(checked);
    const { target, problems } = checked;
    const { views, open, isAnySwitched } = looked;
    if (problems.length > 0) {
      const reason = problems.join('; ');
      // To release the others would split the primary.
      if (isAnySwitched && open.length > 0) throw unfinished(reason, undefined);
      const isHeld = views.some((proxy) => proxy.isHeld);
      throw refused(reason, isHeld ? STILL_HELD : 'Nothing was changed.');
    }
    return { target, ...looked };
  }

  /** What the standby is to contain of what is held. `known`: the fork that others were switched with. */
  async #want(
    held: readonly Held[],
    given: {
      readonly target: string;
      readonly known: Fork | undefined;
      readonly named: ReadonlySet<string>;
      readonly after: number | undefined;
      readonly isAnySwitched: boolean;
    },
  ): Promise<Wanted> {
    const { asOf, tell } = this.#options;
    const { target, known, named, after, isAnySwitched } = given;
    // Those that were switched are known by the address that they were given.
    const to = isAnySwitched ? undefined : target;
    if (asOf === undefined) {
      return { lanes: held.flatMap(({ lanes }) => lanes), fork: undefined, to, named, after };
    }
    const cuts: Cut[] = [];
    for (const one of held) {
      const cut = await cutOf(one.proxy, asOf, target);
      one.lanes = cut.lanes;
      cuts.push(cut);
    }
    if (isAnySwitched && known === undefined)
      throw new Error('the standby no longer tells the fork');
    const fork = known ?? forkAsOf(asOf, cuts);
    tell({
      event: 'undoing',
      fork: fork.id,
      asOf: formatInstant(fork.at),
      lanes: fork.undone.length,
      records: recordsIn(fork.undone),
    });
    return { lanes: held.flatMap(({ lanes }) => lanes), fork, to, named, after };
  }

  async #hold(
    open: readonly Admin[],
    storedTo: ReadonlyMap<string, number>,
  ): Promise<readonly Held[]> {
    const { clock, tell } = this.#options;
    const holds = await Promise.allSettled(
      open.map(async (proxy) => {
        const sinceMs = clock.monotonicMs();
        const value = valueOf(await proxy.post('/primary/hold'), `proxy ${proxy.address}`);
        const { url, lanes: told } = fieldsOf(value);
        const lanes = parseLaneEnds(told);
        if (lanes === undefined) throw new Error(`proxy ${proxy.address} answers something else`);
        const { address } = proxy;
        const before = String(url);
        const storedToMs = storedTo.get(address);
        const by = storedToMs === undefined ? null : formatInstant(storedToMs);
        tell({ event: 'held', proxy: address, primary: before, storedTo: by });
        return { proxy, lanes, sinceMs, before, storedToMs };
      }),
    );
    // None is under way any more that could come after a release.
    return holds.map((hold) => {
      if (hold.status === 'rejected') throw hold.reason;
      return hold.value;
    });
  }

  /** Switches all that can be; throws PROMOTE_UNFINISHED when some could not. */
  async #switch(held: readonly Held[], body: object, isAnySwitched: boolean): Promise<void> {
    const { clock, tell } = this.#options;
    const endMs = clock.monotonicMs() + LIMITS.silenceMsMax;
    const told = new Set<string>();
    let left = held;
    let isDecided = isAnySwitched;
    for (;;) {
      const failed: Held[] = [];
      const reasons: string[] = [];
      for (const one of left) {
        const answer = await one.proxy.post('/primary/switch', body);
        const { address } = one.proxy;
        if (answer.kind === 'answered') {
          const heldSeconds = (clock.monotonicMs() - one.sinceMs) / 1_000;
          tell({ event: 'switched', proxy: address, heldSeconds });
        } else if (answer.kind === 'refused' && !isDecided) {
          const proxies = held.map(({ proxy }) => proxy);
          return this.#giveUp(proxies, `proxy ${address}: ${answer.reason}`);
        } else {
          failed.push(one);
          reasons.push(`proxy ${address}: ${answer.reason}`);
        }
        // One that is silent may have been switched.
        isDecided = true;
      }
      if (failed.length === 0) return;
      if (clock.monotonicMs() > endMs) throw unfinished(reasons.join('; '), undefined);
      for (const reason of reasons) {
        if (!told.has(reason)) tell({ event: 'trouble', reason });
        told.add(reason);
      }
      left = failed;
      await clock.sleep(1_000, new AbortController().signal);
    }
  }

  /** Nothing was switched: all goes on as before. */
  async #giveUp(proxies: readonly Admin[], reason: string): Promise<never> {
    const { standby, tell } = this.#options;
    const left: string[] = [];
    const followed = await standby.post('/follow');
    for (const proxy of proxies) {
      const answer = await proxy.post('/primary/release');
      if (answer.kind !== 'answered') left.push(proxy.address);
      else if (fieldsOf(answer.value)['heldSince'] === null)
        tell({ event: 'released', proxy: proxy.address });
    }
    // One that has stopped refuses it.
    const unheard =
      followed.kind === 'silent'
        ? `; the standby may go on with its drain, and stop: POST http://${standby.address}/follow (${followed.reason})`
        : '';
    if (left.length > 0) {
      const what = left.map((address) => `http://${address}/primary/release`).join(' and ');
      const held = `; not released: ${left.join(', ')} (POST ${what})`;
      throw unfinished(`${reason}${held}${unheard}`, undefined);
    }
    throw refused(
      `${reason}${unheard}`,
      'Nothing was switched, and the proxies feed the old primary again. A standby that says it was promoted can still be: run this again; or start it with --follow-again.',
    );
  }

  async #untilLive(target: string): Promise<void> {
    const { proxies, clock, tell } = this.#options;
    const { signal } = new AbortController();
    const endMs = clock.monotonicMs() + LIMITS.liveMsMax;
    for (const proxy of proxies) {
      let isLive = false;
      while (!isLive && clock.monotonicMs() < endMs) {
        const answer = await proxy.get('/status');
        const seen =
          answer.kind === 'answered' ? proxyView(proxy.address, answer.value) : undefined;
        isLive = seen?.primary === target && seen.isLive;
        if (!isLive) await clock.sleep(LIMITS.pollMs, signal);
      }
      if (isLive) tell({ event: 'live', proxy: proxy.address });
      else {
        const reason = `proxy ${proxy.address} still brings the new primary up to date: see its /status`;
        tell({ event: 'trouble', reason });
      }
    }
  }
}

const STILL_HELD =
  'Nothing was changed: what is held, by a run before this one, stays held and takes writes. To give up, POST /follow to the standby, then /primary/release to each of these proxies.';

function valueOf(answer: Awaited<ReturnType<Admin['post']>>, who: string): unknown {
  if (answer.kind !== 'answered') throw new Error(`${who}: ${answer.reason}`);
  return answer.value;
}

function unfinished(message: string, cause: unknown): WalError {
  return new WalError('PROMOTE_UNFINISHED', message, {
    cause,
    hint: 'Proxies that are held take writes, and keep them for the new primary. Run the same command again: it goes on where it stood.',
  });
}
