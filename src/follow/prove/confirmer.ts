import { instantOf } from '../../opentsdb/put-instant.ts';
import { parsePutLine } from '../../opentsdb/put-line.ts';
import type { PutClient } from '../../opentsdb/put-client.ts';
import { formatJsonPoint } from '../../opentsdb/put-writer.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Canary, CanaryPoint } from './canary.ts';
import type { DoubtReason, Confirmation } from './confirmation.ts';
import type { Delivery } from '../deliver/delivery.ts';
import type { Doubt } from './doubt.ts';
import { floatOf } from '../deliver/point-key.ts';
import { readVitals } from '../probe.ts';

export interface ConfirmerOptions {
  readonly client: PutClient;
  readonly clock: Clock;
  readonly confirmation: Confirmation;
  readonly doubt: Doubt;
  readonly delivery: Delivery;
  readonly syncTimeoutMs: number;
  /** All up to here is proven stored, but for points that may be refused for good. */
  readonly onStored: (position: Position) => void;
  /** Whether someone waits to learn what is stored. */
  readonly isAwaited: () => boolean;
  /** How far of what is confirmed the cursor may go now; undefined: nowhere. */
  readonly mayPass: (confirmed: Position) => Position | undefined;
  /** All up to here needs no more work: the cursor may pass it. */
  readonly onConfirmed: (position: Position) => Promise<void>;
}

export type ConfirmFault =
  /** The TSD may have lost what it was given: deliver again from the last confirmed record. */
  | { readonly kind: 'alarm'; readonly alarm: DoubtReason }
  /** It had trouble with its storage, which is over: what was delivered meanwhile is to be delivered again. */
  | { readonly kind: 'healed' }
  /** It answers, but doesn't store. */
  | { readonly kind: 'unproven'; readonly reason: string }
  /** It doesn't answer. */
  | { readonly kind: 'unreachable'; readonly reason: string };

export type Proof =
  | { readonly kind: 'stored' }
  /** A point was not, another one was: part of the storage is in trouble. */
  | { readonly kind: 'partly'; readonly reason: string }
  /** The canary couldn't tell: another will. */
  | { readonly kind: 'unclear' }
  | Extract<ConfirmFault, { kind: 'unproven' | 'unreachable' }>;

const PACE_MS = 250;
/** A proof costs a TSD a flush and all its statistics: where nobody waits for one, none is begun sooner after the last. */
const PROOF_MS = 1_000;
/** Where nothing was put for so long there is only what the log says of itself, which is told so often. */
const IDLE_AFTER_MS = 30_000;
const IDLE_MS = 5_000;
/** How often the vitals of a TSD are looked at while something waits for its heal window. */
const VITALS_MS = 2_000;
/** A TSD that told its errors and doesn't for so long is taken for one that never does. */
const UNTOLD_MS_MAX = 60_000;
const READ_BACK_MS = 500;
const OTHER_TIMEOUT_MS = 5_000;

/** Proves, round by round, that what was delivered is stored; ends when that fails. */
export class Confirmer {
  readonly #options: ConfirmerOptions;
  /** When the last proof that told something began. */
  #proofMs = -Infinity;
  /** When it began to look at the TSD. */
  #beganMs = 0;
  /** When `onStored` was last told. */
  #toldMs = -Infinity;
  /** When the vitals were last found steady. */
  #steadyMs = 0;
  /** When the vitals were last asked for. */
  #askedMs = -Infinity;
  /** Since when the TSD doesn't tell its errors, though it did. */
  #untoldSinceMs: number | undefined;
  /** The last position given to `onStored`. */
  #told: Position | undefined;

  constructor(options: ConfirmerOptions) {
    this.#options = options;
  }

  /** Confirms until a fault, or until the signal aborts. */
  async run(signal: AbortSignal): Promise<ConfirmFault | undefined> {
    const { clock, confirmation } = this.#options;
    this.#beganMs = clock.monotonicMs();
    this.#steadyMs = this.#beganMs;
    confirmation.resume(this.#beganMs);
    while (!signal.aborted) {
      const fault = this.#isAtRest ? undefined : await this.#round(signal);
      if (fault !== undefined) return fault;
      await clock.sleep(PACE_MS, signal);
    }
    return undefined;
  }

  async #round(signal: AbortSignal): Promise<ConfirmFault | undefined> {
    const { clock, confirmation, delivery, doubt } = this.#options;
    const { canary } = delivery;
    doubt.noteDelivered(delivery.delivered);
    if (confirmation.isUntold) {
      const isDue = clock.monotonicMs() - this.#askedMs >= VITALS_MS;
      const fault = isDue ? await this.#checkVitals() : undefined;
      if (fault !== undefined || confirmation.isUntold) return fault;
    }
    const put = delivery.put();
    const settled = delivery.settled();
    const isNew =
      isBehind(this.#told, put) || (settled !== undefined && !confirmation.isStored(settled));
    const isUnproven = isNew && canary.isUnproven;
    const isPutOff = isUnproven && !this.#mayProve();
    // What was proven before is as old as its proof, after which it was looked at since this began.
    let storedMs = Math.max(canary.provenMs, this.#beganMs);
    if ((isUnproven && !isPutOff) || (canary.isWanted && canary.isReady)) {
      if (!canary.isReady) return undefined;
      const beganMs = clock.monotonicMs();
      const proof = await proveStored(this.#options, signal);
      if (proof.kind === 'unclear') return undefined;
      this.#proofMs = beganMs;
      if (proof.kind === 'partly') doubt.note(`it did not store a point: ${proof.reason}`);
      const isUp = proof.kind === 'stored' || proof.kind === 'partly';
      const fault = isUp ? await this.#checkVitals() : proof;
      if (fault !== undefined || confirmation.isUntold) return fault;
      storedMs = clock.monotonicMs();
    }
    if (doubt.state !== undefined) return this.#heal();
    if (isNew && put !== undefined && !isPutOff) {
      if (settled !== undefined) confirmation.noteStored(settled, storedMs);
      this.#told = put;
      this.#toldMs = clock.monotonicMs();
      this.#options.onStored(put);
    }
    if (confirmation.isWaiting) {
      const isDue = clock.monotonicMs() - this.#steadyMs >= VITALS_MS;
      const fault = isDue ? await this.#checkVitals() : undefined;
      if (fault !== undefined) return fault;
      if (doubt.state !== undefined) return this.#heal();
      confirmation.noteSteady(this.#steadyMs);
      doubt.noteConfirmed(confirmation.confirmed);
    }
    await this.#pass();
    return undefined;
  }

  #mayProve(): boolean {
    return this.#isWaitedFor || this.#options.clock.monotonicMs() - this.#proofMs >= PROOF_MS;
  }

  /** Whether nothing was put for a while, nothing waits, and what is new was told a moment ago. */
  get #isAtRest(): boolean {
    const { clock, confirmation, delivery, doubt } = this.#options;
    const { provenMs, isUnproven } = delivery.canary;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#toldMs >= IDLE_MS) return false;
    if (nowMs - Math.max(this.#beganMs, provenMs) < IDLE_AFTER_MS) return false;
    const isOpen = isUnproven || confirmation.isWaiting || doubt.state !== undefined;
    return !isOpen && !this.#isWaitedFor;
  }

  get #isWaitedFor(): boolean {
    const { delivery, isAwaited } = this.#options;
    const { suspects, mends } = delivery.open;
    return suspects > 0 || mends > 0 || delivery.canary.isWanted || isAwaited();
  }

  /** While something is in doubt nothing that comes after it is confirmed, since it is all delivered again when the trouble is over. */
  async #heal(): Promise<ConfirmFault | undefined> {
    const { confirmation, doubt, clock } = this.#options;
    confirmation.doubt();
    const isDue = clock.monotonicMs() - this.#steadyMs >= VITALS_MS;
    const fault = isDue ? await this.#checkVitals() : undefined;
    await this.#pass();
    return fault ?? (doubt.isOver(this.#steadyMs) ? { kind: 'healed' } : undefined);
  }

  async #pass(): Promise<void> {
    const { confirmation, mayPass, onConfirmed } = this.#options;
    const { confirmed, passed } = confirmation;
    const to = confirmed && mayPass(confirmed);
    if (to === undefined || !isBehind(passed, to)) return;
    confirmation.notePassed(to);
    await onConfirmed(to);
  }

  async #checkVitals(): Promise<ConfirmFault | undefined> {
    const { client, confirmation, delivery, clock, doubt } = this.#options;
    const askedMs = clock.monotonicMs();
    this.#askedMs = askedMs;
    try {
      const moved = confirmation.check(await readVitals(client), delivery.delivered);
      const alarm = doubt.weigh(moved);
      if (alarm !== undefined) return { kind: 'alarm', alarm };
      const { isUntold } = confirmation;
      if (moved !== 'storage errors' && !isUntold) this.#steadyMs = askedMs;
      this.#untoldSinceMs = isUntold ? (this.#untoldSinceMs ?? askedMs) : undefined;
      if (askedMs - (this.#untoldSinceMs ?? askedMs) >= UNTOLD_MS_MAX) {
        confirmation.goOnUntold();
        return { kind: 'alarm', alarm: 'errors untold' };
      }
      return undefined;
    } catch (error) {
      return { kind: 'unreachable', reason: (error as Error).message };
    }
  }
}

function isBehind(told: Position | undefined, position: Position | undefined): boolean {
  if (position === undefined) return false;
  return told === undefined || comparePositions(told, position) < 0;
}

interface Prover {
  readonly client: PutClient;
  readonly clock: Clock;
  readonly delivery: { readonly canary: Canary };
  readonly syncTimeoutMs: number;
}

/** Puts the canary with `?sync`; one that isn't stored is followed by another that was before. Without one nothing can be told. */
export async function proveStored(prover: Prover, signal: AbortSignal): Promise<Proof> {
  const proof = await prove(prover, signal);
  if (proof.kind !== 'unproven' || signal.aborted) return proof;
  if (!prover.delivery.canary.fallBack()) return proof;
  const syncTimeoutMs = Math.min(prover.syncTimeoutMs, OTHER_TIMEOUT_MS);
  const other = await prove({ ...prover, syncTimeoutMs }, signal);
  return other.kind === 'stored' ? { kind: 'partly', reason: proof.reason } : proof;
}

async function prove(prover: Prover, signal: AbortSignal): Promise<Proof> {
  const { canary } = prover.delivery;
  const point = canary.send(prover.clock.monotonicMs());
  if (point === undefined) return UNCLEAR;
  const proof = point.isPuttable
    ? await putCanary(prover, point)
    : await readBack(prover, point, signal);
  canary.landed(proof.kind === 'stored', prover.clock.monotonicMs());
  return proof;
}

const UNCLEAR: Proof = { kind: 'unclear' };

async function putCanary(prover: Prover, point: CanaryPoint): Promise<Proof> {
  const { client, delivery, syncTimeoutMs } = prover;
  const reply = await client.putSync(formatJsonPoint(point.line), syncTimeoutMs);
  switch (reply.kind) {
    case 'handled':
      if (reply.refused.length === 0) return { kind: 'stored' };
      // It was taken before: its metric is gone, say. Another point must tell.
      delivery.canary.forget(point);
      return UNCLEAR;
    case 'too large':
      delivery.canary.forget(point);
      return UNCLEAR;
    case 'storage':
    case 'failed':
      return { kind: 'unproven', reason: reply.reason };
    case 'unanswered':
      return { kind: reply.isLate ? 'unproven' : 'unreachable', reason: reply.reason };
  }
}

/** Putting the point by HTTP would store it in another form: it is queried until it is there. */
async function readBack(prover: Prover, point: CanaryPoint, signal: AbortSignal): Promise<Proof> {
  const { client, clock, delivery, syncTimeoutMs } = prover;
  const { metric, timestamp, value, tags } = parsePutLine(point.line);
  const instant = instantOf(Number(timestamp));
  const filter = Object.entries(tags).map(([key, text]) => `${key}=literal_or(${text})`);
  const query = new URLSearchParams({
    start: String(instant),
    end: String(instant + 1_000),
    m: `none:${metric}{${filter.join(',')}}`,
    ms: 'true',
  });
  const deadline = clock.monotonicMs() + syncTimeoutMs;
  while (clock.monotonicMs() < deadline) {
    try {
      const found = valuesOf(await client.get(`/api/query?${query.toString()}`), instant);
      if (found.includes(floatOf(value))) return { kind: 'stored' };
    } catch (error) {
      return { kind: 'unreachable', reason: (error as Error).message };
    }
    if (delivery.canary.isOvertaken || signal.aborted) return UNCLEAR;
    await clock.sleep(READ_BACK_MS, signal);
  }
  // Some points can't be queried: another one must show next time that this was such a point.
  delivery.canary.forget(point);
  return { kind: 'unproven', reason: `a point put ${syncTimeoutMs} ms ago can't be read back` };
}

function valuesOf(answer: unknown, instant: number): unknown[] {
  if (!Array.isArray(answer)) return [];
  return (answer as readonly { dps?: Record<string, unknown> }[]).map(
    ({ dps }) => dps?.[String(instant)],
  );
}
