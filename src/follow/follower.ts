import type { PutClient } from '../opentsdb/put-client.ts';
import { NO_FACTS, type ServerFacts } from '../opentsdb/server-facts.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { isSameReason } from '../runtime/same-reason.ts';
import type { Confirmation } from './prove/confirmation.ts';
import { Confirmer, type ConfirmerOptions, proveStored, type Proof } from './prove/confirmer.ts';
import type { Delivery } from './deliver/delivery.ts';
import type { Doubt } from './prove/doubt.ts';
import { type Barred, probe } from './probe.ts';

/** How a follower stands: `live` answers wait for it; otherwise they don't, and the proxy is degraded. */
export type FollowerState =
  | { readonly kind: 'live' }
  | { readonly kind: 'behind'; readonly reason: string }
  | { readonly kind: 'down'; readonly reason: string };

export interface FollowerEvents {
  /** Called at each change, but for numbers in the reason. */
  state(state: FollowerState): void;
  /** What the primary says of itself, whenever it was asked. */
  facts(facts: ServerFacts): void;
  /** Delivery resumes at the last confirmed record. */
  resumed(reason: string): void;
  /** What was delivered since the last confirmed record may be lost in part; it is delivered again when that helps. */
  doubted(reason: string): void;
  stored(position: Position): void;
  /** The cursor may move here. */
  confirmed(position: Position): Promise<void>;
}

export interface FollowerOptions {
  readonly client: PutClient;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly delivery: Delivery;
  readonly confirmation: Confirmation;
  readonly doubt: Doubt;
  readonly syncTimeoutMs: number;
  /** Whether someone waits to learn what is stored. */
  readonly isAwaited: () => boolean;
  /** How far of what is confirmed the cursor may go now; undefined: nowhere. */
  readonly mayPass: (confirmed: Position) => Position | undefined;
  readonly barred: Barred;
  readonly events: FollowerEvents;
  /** Wait so long before the first batch: an earlier process may have written just now. */
  readonly startDelayMs: number;
}

/**
 * Keeps one OpenTSDB up with the log, for as long as the process runs. It has one loop for good days and
 * bad: get in touch, deliver in order and prove what was delivered, until something fails; then again.
 *
 * What a fault means for the place in the log:
 *
 * - no contact, same TSD process afterwards: from the last handled record;
 * - another TSD process, or none that says so: from the last confirmed record, since it may have died
 *   with handled records in its memory;
 * - HBase takes nothing (storage errors, no answer to a `?sync` put): nothing is delivered until a canary is
 *   stored, then from the last confirmed record, unless that was done just before: then as the next;
 * - the TSD counts storage errors, and stores all the same: from the last handled record, and when it was without
 *   trouble for a heal window, from the last confirmed one.
 */
export class Follower {
  readonly #options: FollowerOptions;
  #state: FollowerState = { kind: 'behind', reason: 'it was not reached yet' };
  #facts: ServerFacts = NO_FACTS;
  /** Why everything after the cursor is to be delivered again. */
  #again: string | undefined;
  #endSession: (() => void) | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  get state(): FollowerState {
    return this.#state;
  }

  get facts(): ServerFacts {
    return this.#facts;
  }

  /** Answers don't wait for this follower until it has caught up. */
  degrade(reason: string): void {
    this.#options.delivery.fold();
    if (this.#state.kind === 'live') this.#enter({ kind: 'behind', reason });
  }

  /** Everything after the cursor must be delivered again. */
  again(reason: string): void {
    this.#again = reason;
    this.#endSession?.();
  }

  /** Delivery has reached the end of the log. */
  caughtUp(): void {
    this.#enter({ kind: 'live' });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, startDelayMs } = this.#options;
    await clock.sleep(startDelayMs, signal);
    while (!signal.aborted) {
      const isUp = await this.#reach(signal);
      // It may have been told to stop while that was looked at.
      if (isUp && !signal.aborted) await this.#session(signal);
    }
    // What still waits for the primary is answered on the log alone.
    this.#enter({ kind: 'down', reason: 'the proxy is stopping' });
  }

  /** Asks until the primary answers, and settles where to go on from. */
  async #reach(signal: AbortSignal): Promise<boolean> {
    const { client, clock, backoff, delivery, barred, events, confirmation, doubt } = this.#options;
    while (!signal.aborted) {
      const probed = await probe(client, barred);
      if (probed.kind === 'up') {
        const { startTime } = probed.facts;
        const isSame = startTime !== undefined && startTime === this.#facts.startTime;
        const alarm = doubt.weigh(confirmation.check(probed.vitals, delivery.delivered));
        if (!isSame && this.#facts !== NO_FACTS) this.#resume('the primary restarted');
        else if (alarm !== undefined) this.#resume(alarm);
        this.#facts = probed.facts;
        delivery.limitBody(probed.facts.bodyBytesMax);
        events.facts(probed.facts);
        if (this.#state.kind === 'down') this.#enter({ kind: 'behind', reason: 'catching up' });
        return true;
      }
      this.#enter({ kind: 'down', reason: probed.reason });
      await clock.sleep(backoff.nextMs(), signal);
    }
    return false;
  }

  /** Delivers and proves until one of them fails. */
  async #session(signal: AbortSignal): Promise<void> {
    const { clock, backoff, delivery, doubt } = this.#options;
    this.#beginAgain();
    const session = new AbortController();
    const abort = (): void => session.abort();
    signal.addEventListener('abort', abort, { once: true });
    this.#endSession = abort;
    const before = delivery.delivered;
    const confirmer = new Confirmer(this.#confirmerOptions());
    const delivering = delivery.run(session.signal).finally(abort);
    const confirming = confirmer.run(session.signal).finally(abort);
    const [fault, unconfirmed] = await Promise.all([delivering, confirming]);
    signal.removeEventListener('abort', abort);
    this.#endSession = undefined;
    if (signal.aborted) return;
    if (delivery.delivered !== before) backoff.reset();
    doubt.noteDelivered(delivery.delivered);
    const isInterrupted = fault === undefined && unconfirmed === undefined;
    if (unconfirmed?.kind === 'alarm') this.#resume(unconfirmed.alarm);
    else if (unconfirmed?.kind === 'healed') this.#resume('its trouble with the storage is over');
    else if (unconfirmed?.kind === 'unproven')
      await this.#waitUntilStoring(unconfirmed.reason, signal);
    else if (fault?.fault === 'storage') await this.#waitUntilStoring(fault.reason, signal);
    else if (fault?.fault !== 'size' && !isInterrupted) {
      // What is written until it is back is a backlog.
      delivery.fold();
      this.#enter({ kind: 'down', reason: fault?.reason ?? unconfirmed?.reason ?? 'no contact' });
      await clock.sleep(backoff.nextMs(), signal);
    }
  }

  /** The primary answers but doesn't store: nothing is delivered until it does. */
  async #waitUntilStoring(reason: string, signal: AbortSignal): Promise<void> {
    const { clock, backoff, delivery, doubt } = this.#options;
    let proof: Proof = { kind: 'unproven', reason };
    while (proof.kind === 'unproven' || proof.kind === 'unreachable') {
      this.#enter({ kind: 'down', reason: `it does not store: ${proof.reason}` });
      await clock.sleep(backoff.nextMs(), signal);
      if (signal.aborted) return;
      proof = await proveStored(this.#confirmerOptions(), signal);
    }
    const isWhole = proof.kind !== 'partly' && doubt.state === undefined;
    if (isWhole && doubt.mayRepeat) this.#resume('the primary stores again');
    else {
      doubt.note(`it did not store: ${reason}`);
      delivery.fold();
    }
  }

  #beginAgain(): void {
    const reason = this.#again;
    if (reason === undefined) return;
    this.#again = undefined;
    this.#options.confirmation.rewind();
    this.#resume(reason);
  }

  #resume(reason: string): void {
    const { confirmation, delivery, doubt, events } = this.#options;
    confirmation.doubt();
    const from = confirmation.confirmed;
    const isBehind =
      delivery.delivered !== undefined &&
      (from === undefined || comparePositions(from, delivery.delivered) < 0);
    doubt.repeat(isBehind ? delivery.delivered : undefined);
    delivery.resumeAt(from);
    if (!isBehind) return;
    this.#enter({ kind: 'behind', reason });
    events.resumed(reason);
  }

  #confirmerOptions(): ConfirmerOptions {
    const { mayPass, events, ...options } = this.#options;
    return {
      ...options,
      mayPass: (confirmed) => (this.#again === undefined ? mayPass(confirmed) : undefined),
      onStored: (position) => events.stored(position),
      onConfirmed: (position) => events.confirmed(position),
    };
  }

  #enter(state: FollowerState): void {
    const isSame =
      state.kind === this.#state.kind && isSameReason(reasonOf(state), reasonOf(this.#state));
    this.#state = state;
    if (!isSame) this.#options.events.state(state);
  }
}

function reasonOf(state: FollowerState): string {
  return state.kind === 'live' ? '' : state.reason;
}
