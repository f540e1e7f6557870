import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from './processes.ts';

/** Some seconds of answers from the log alone are millions of points, of which OpenTSDB takes some 20,000 a second. */
const LIMITS = { pollMs: 250, liveMsMax: 600_000 } as const;

/** Whether answers of a proxy waited for the primary for all of a run; without an address there is none to ask. */
export class DegradedWatch {
  readonly #stop = new AbortController();
  readonly #watching: Promise<boolean>;

  constructor(admin: string | undefined) {
    this.#watching = admin === undefined ? Promise.resolve(false) : this.#watch(admin);
  }

  /** True when it was degraded at any of the looks, the last of which is now. */
  async end(): Promise<boolean> {
    this.#stop.abort();
    return this.#watching;
  }

  async #watch(admin: string): Promise<boolean> {
    const { signal } = this.#stop;
    let wasDegraded = false;
    for (;;) {
      // Ended while it looked, it has not looked at the end yet.
      const isLast = signal.aborted;
      wasDegraded ||= await isDegraded(admin);
      if (isLast) return wasDegraded;
      await sleep(LIMITS.pollMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Resolves once the primary has all that a proxy took. A backlog would be delivered in a run of somebody else. */
export async function untilLive(admin: string): Promise<void> {
  const until = performance.now() + LIMITS.liveMsMax;
  while (await isDegraded(admin)) {
    if (performance.now() > until) {
      throw new BenchError(`bench: the primary does not catch up, see http://${admin}/status`);
    }
    await sleep(LIMITS.pollMs);
  }
}

async function isDegraded(admin: string): Promise<boolean> {
  const answer = await fetch(`http://${admin}/status`);
  const status = (await answer.json()) as {
    readonly primary: { readonly state: { readonly kind: string } };
  };
  return status.primary.state.kind !== 'live';
}
