import { echoOf } from '../opentsdb/put-line.ts';
import type { PutClient } from '../opentsdb/put-client.ts';
import { writeJsonPoint } from '../opentsdb/put-writer.ts';
import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Canary, CanaryPoint } from './canary.ts';
import type { Alarm, Confirmation } from './confirmation.ts';
import type { Delivery } from './delivery.ts';
import { readVitals } from './probe.ts';

export interface ConfirmerOptions {
  readonly client: PutClient;
  readonly clock: Clock;
  readonly confirmation: Confirmation;
  readonly delivery: Delivery;
  readonly syncTimeoutMs: number;
  /** All up to here is proven stored. */
  readonly onStored: (position: Position) => void;
  /** All up to here needs no more work: the cursor may pass it. */
  readonly onConfirmed: (position: Position) => Promise<void>;
}

export type ConfirmFault =
  /** The TSD may have lost what it was given: deliver again from the last confirmed record. */
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  /** It doesn't store, or doesn't answer. */
  | { readonly kind: 'unproven'; readonly reason: string };

const PACE_MS = 250;
/** How often the vitals of a TSD are looked at while something waits for its heal window. */
const VITALS_MS = 2_000;

/** Proves, round by round, that what was delivered is stored; ends when that fails. */
export class Confirmer {
  readonly #options: ConfirmerOptions;
  #vitalsMs = 0;

  constructor(options: ConfirmerOptions) {
    this.#options = options;
  }

  /** Confirms until a fault, or until the signal aborts. */
  async run(signal: AbortSignal): Promise<ConfirmFault | undefined> {
    const { clock } = this.#options;
    this.#vitalsMs = clock.monotonicMs();
    while (!signal.aborted) {
      const fault = await this.#round();
      if (fault !== undefined) return fault;
      await clock.sleep(PACE_MS, signal);
    }
    return undefined;
  }

  async #round(): Promise<ConfirmFault | undefined> {
    const { clock, confirmation, delivery } = this.#options;
    const settled = delivery.settled();
    const isNew = settled !== undefined && !confirmation.isStored(settled);
    if (isNew && delivery.canary.isUnproven) {
      if (!delivery.canary.isReady) return undefined;
      const reason = await proveStored(this.#options);
      if (reason !== undefined) return { kind: 'unproven', reason };
      const fault = await this.#checkVitals();
      if (fault !== undefined) return fault;
    }
    if (isNew) {
      confirmation.noteStored(settled, clock.monotonicMs());
      this.#options.onStored(settled);
    }
    if (!confirmation.isWaiting) return undefined;
    if (clock.monotonicMs() - this.#vitalsMs < VITALS_MS) return undefined;
    const fault = await this.#checkVitals();
    if (fault !== undefined) return fault;
    const confirmed = confirmation.noteSteady(clock.monotonicMs());
    if (confirmed !== undefined) await this.#options.onConfirmed(confirmed);
    return undefined;
  }

  async #checkVitals(): Promise<ConfirmFault | undefined> {
    const { client, confirmation, delivery, clock } = this.#options;
    try {
      const alarm = confirmation.check(await readVitals(client), delivery.delivered);
      this.#vitalsMs = clock.monotonicMs();
      return alarm === undefined ? undefined : { kind: 'alarm', alarm };
    } catch (error) {
      return { kind: 'unproven', reason: (error as Error).message };
    }
  }
}

interface Prover {
  readonly client: PutClient;
  readonly clock: Clock;
  readonly delivery: { readonly canary: Canary };
  readonly syncTimeoutMs: number;
}

/** Puts the canary with `?sync`; says why it can't be shown that the TSD stores. Without a canary there is nothing to show. */
export async function proveStored(prover: Prover): Promise<string | undefined> {
  const { canary } = prover.delivery;
  const point = canary.send();
  if (point === undefined) return undefined;
  const reason = point.isPuttable ? await putCanary(prover, point) : await readBack(prover, point);
  canary.landed(reason === undefined, prover.clock.monotonicMs());
  return reason;
}

async function putCanary(prover: Prover, { line }: CanaryPoint): Promise<string | undefined> {
  const text = Buffer.from(line);
  const body = Buffer.alloc(text.length * 3 + 80);
  const end = writeJsonPoint(text, 0, text.length, { bytes: body, at: 0 });
  const reply = await prover.client.putSync(body.subarray(0, end), prover.syncTimeoutMs);
  switch (reply.kind) {
    case 'handled':
      return reply.refused.length === 0 ? undefined : `it refused a point that it took before`;
    case 'too large':
      return 'a single point is too large for it';
    case 'storage':
    case 'failed':
    case 'unanswered':
      return reply.reason;
  }
}

/** Putting the point by HTTP would store it in another form: it is queried until it is there. */
async function readBack(prover: Prover, { line }: CanaryPoint): Promise<string | undefined> {
  const { client, clock, syncTimeoutMs } = prover;
  const { metric = '', timestamp, value = '', tags = {} } = echoOf(line);
  const instant = Number(timestamp) > 0xffff_ffff ? Number(timestamp) : Number(timestamp) * 1_000;
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
      const series = (await client.get(`/api/query?${query.toString()}`)) ?? [];
      const found = (series as readonly { dps?: Record<string, number> }[]).some(
        ({ dps }) => dps?.[String(instant)] === Number(value),
      );
      if (found) return undefined;
    } catch (error) {
      return (error as Error).message;
    }
    await clock.sleep(500, new AbortController().signal);
  }
  return `a point put ${syncTimeoutMs} ms ago can't be read back`;
}
