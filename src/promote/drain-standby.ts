import type { Fork } from '../record/fork.ts';
import { lackingOf, type LaneEnd } from '../record/lane-end.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Admin } from '../admin/admin-client.ts';
import { type AsOf, assertAllNamed } from './as-of.ts';
import type { PromoteEvent } from './promote-event.ts';
import { type DrainView, drainView } from './promote-views.ts';

/** What the standby is to contain. */
export interface Wanted {
  readonly lanes: readonly LaneEnd[];
  /** What is received after it is undone; and the lanes that this goes for. */
  readonly fork: Fork | undefined;
  /** By which proxies will reach the target: kept with the drain, so that another run goes on with it. Undefined: as is known. */
  readonly to: string | undefined;
  readonly named: ReadonlySet<string>;
  /** When proxies were given a primary before, epoch ms; undefined: never. */
  readonly after: number | undefined;
}

export interface DrainOptions {
  readonly standby: Admin;
  readonly asOf: AsOf | undefined;
  readonly clock: Clock;
  readonly tell: (event: PromoteEvent) => void;
}

const LIMITS = {
  pollMs: 300,
  /** The standby may be silent for so long. */
  silenceMsMax: 60_000,
  /** A drain that comes no further for so long is given up: the log of a proxy does not reach the standby, or the target does not store. */
  stillMsMax: 300_000,
} as const;

/** Resolves once the standby contains what is wanted, and has stopped. Rejects when it refuses, is silent or gets no further. */
export async function drainStandby(
  { standby, asOf, clock, tell }: DrainOptions,
  { lanes, fork, to, named, after }: Wanted,
  signal: AbortSignal,
): Promise<DrainView> {
  let heardMs = clock.monotonicMs();
  let movedMs = heardMs;
  let before = '';
  for (;;) {
    if (signal.aborted) throw new Error('it was interrupted');
    const answer = await standby.post('/drain', {
      lanes,
      ...(fork && { fork }),
      ...(to !== undefined && { to }),
      ...(after !== undefined && { after }),
    });
    if (answer.kind === 'refused') throw new Error(`the standby refuses: ${answer.reason}`);
    if (answer.kind === 'answered') {
      heardMs = clock.monotonicMs();
      const drain = drainView(answer.value);
      if (drain === undefined) throw new Error('the standby answers something else');
      if (asOf !== undefined) assertAllNamed(asOf, drain, named);
      if (drain.state === 'promoted') return drain;
      const records = drain.lacking.reduce((sum, one) => sum + one.records, 0);
      tell({ event: 'draining', lanes: drain.lacking.length, records, sent: drain.isSent });
      const now = `${drain.lacking.length} ${records}`;
      if (now !== before) movedMs = heardMs;
      before = now;
      if (heardMs - movedMs > LIMITS.stillMsMax) {
        throw new Error(`the standby gets no further: ${stillReason(drain, records)}`);
      }
    } else if (clock.monotonicMs() - heardMs > LIMITS.silenceMsMax) {
      throw new Error(`the standby does not answer: ${answer.reason}`);
    }
    await clock.sleep(LIMITS.pollMs, signal);
  }
}

function stillReason({ isSent }: DrainView, records: number): string {
  if (isSent) return 'its target does not store what it was given';
  const rest =
    records === 0 ? 'what others may have received by then does' : `${records} records do`;
  return `${rest} not reach it, or its target`;
}

/**
 * What a drain proves of a proxy. What was held may be more than is contained only where an earlier run let go of what it had held: the log
 * has the rest.
 */
export function proofOf(
  { address, lanes }: { readonly address: string; readonly lanes: readonly LaneEnd[] },
  { contained }: DrainView,
  asOf: AsOf | undefined,
): PromoteEvent {
  const lacking = lackingOf(lanes, contained);
  const records = lacking.reduce(
    (sum, { lane, seq }) => sum + seq - (contained.lanes.get(lane)?.seq ?? 0),
    0,
  );
  const last = lanes.at(-1);
  const lane = last?.lane ?? null;
  const heldSeq = last?.seq ?? 0;
  // Of a lane that isn't named, all that was received up to some time.
  const known = contained.lanes.get(lane ?? '')?.seq ?? 0;
  return {
    event: 'drained',
    proxy: address,
    asOf: asOf === undefined ? null : formatInstant(asOf.ms),
    lane,
    held: heldSeq,
    contains: lacking.some((end) => end.lane === lane) ? known : Math.max(known, heldSeq),
    fromLog: records,
  };
}
