import cluster, { type Worker } from 'node:cluster';
import { formatAddress } from '../config/address.ts';
import type { Config } from '../config/options.ts';
import { Backoff } from '../runtime/backoff.ts';
import { systemClock } from '../runtime/clock.ts';
import { makeFolder } from '../runtime/durable-file.ts';
import { WalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { assertFree } from '../runtime/assert-free.ts';
import { listenForStop } from '../runtime/stop-signal.ts';
import { environmentOf, type FromWorker } from './worker-messages.ts';
import { retirePlace, type WorkerPlace } from './worker-places.ts';
import { createWorkersAdmin, type WorkerView } from './workers-admin.ts';

const LIMITS = {
  restartMsMin: 200,
  restartMsMax: 30_000,
  /** One that ran so long has not failed at once: the next wait is short again. */
  soundMsMin: 30_000,
  /** Beyond what a worker may take to answer what it has received. */
  stopMsMax: 20_000,
} as const;

/**
 * Keeps workers running that share the listening port, each a proxy with a log of its own. This process opens the port, and has no
 * part in what comes there: what a worker has acknowledged is durable in its directory, whatever happens here, and workers end
 * when this one is gone.
 *
 * A worker that ends is started again on the same directory. One that ends before it was ever ready ends all: its words say why.
 */
export async function runWorkers(
  config: Config,
  places: readonly WorkerPlace[],
  logger: Logger,
): Promise<void> {
  const told = listenForStop((signal) => logger.info({ signal }, 'stopping'));
  const failing = new AbortController();
  const stop = AbortSignal.any([told.signal, failing.signal]);
  // Workers accept by themselves: a connection that was passed on to one would hang when it is killed just then.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  await assertFree({ listen: config.listen });
  await makeFolder(config.data);
  const slots = places.map((place) => new WorkerSlot(place, config, logger));
  const admin = createWorkersAdmin(config, () => slots.filter(({ isGone }) => !isGone));
  await admin.start(config.admin);
  const { listen, workers } = config;
  logger.info({ listen: formatAddress(listen), workers }, 'workers are started');
  try {
    const runs = slots.map(async (slot) => {
      try {
        await slot.run(stop);
      } catch (error) {
        failing.abort();
        throw error;
      }
    });
    // All of them: those that run are let answer what they have received.
    const ends = await Promise.allSettled(runs);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } finally {
    await admin.close();
  }
  logger.info('stopped');
}

class WorkerSlot implements WorkerView {
  readonly place: WorkerPlace;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #backoff = new Backoff({
    delayMsMin: LIMITS.restartMsMin,
    delayMsMax: LIMITS.restartMsMax,
    random: Math.random,
  });
  #worker: Worker | undefined;
  #wasStarted = false;
  starts = 0;
  isStarted = false;
  /** Drained: there is no such worker any more. */
  isGone = false;

  constructor(place: WorkerPlace, config: Config, logger: Logger) {
    this.place = place;
    this.#config = config;
    this.#logger = logger.child({ worker: place.number });
  }

  get pid(): number | undefined {
    return this.#worker?.process.pid;
  }

  /** Runs until the signal aborts, or the worker has drained its log. Rejects when it can't run at all. */
  async run(signal: AbortSignal): Promise<void> {
    const clock = systemClock;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const how = await this.#runOnce(signal);
      if (this.isGone) {
        const kept = await retirePlace(this.place, clock.now());
        this.#logger.info({ kept }, 'a worker that is not needed any more has drained its log');
        return;
      }
      if (signal.aborted) return;
      if (!this.#wasStarted) {
        throw new WalError('DATA_UNUSABLE', `worker ${this.place.number} does not start: ${how}`, {
          hint: 'What it printed before says why.',
        });
      }
      if (clock.monotonicMs() - startMs >= LIMITS.soundMsMin) this.#backoff.reset();
      const nextMs = this.#backoff.nextMs();
      this.#logger.error(
        { how, nextMs: Math.round(nextMs) },
        'a worker ended: it is started again',
      );
      await clock.sleep(nextMs, signal);
    }
  }

  async #runOnce(signal: AbortSignal): Promise<string> {
    const worker = cluster.fork(environmentOf(this.place.number));
    this.#worker = worker;
    this.starts += 1;
    worker.on('message', (message: FromWorker) => this.#onTold(message));
    let killing: NodeJS.Timeout | undefined;
    const stop = (): void => {
      worker.process.kill('SIGTERM');
      const msMax = this.#config.limits.shutdownTimeout + LIMITS.stopMsMax;
      killing = setTimeout(() => worker.process.kill('SIGKILL'), msMax);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise((resolve) => {
        worker.once('exit', (code: number | null, by: string | null) => {
          resolve(by === null ? `exit code ${code}` : `signal ${by}`);
        });
        worker.once('error', (error) => resolve(error.message));
      });
    } finally {
      clearTimeout(killing);
      signal.removeEventListener('abort', stop);
      this.#worker = undefined;
      this.isStarted = false;
    }
  }

  #onTold({ kind }: FromWorker): void {
    switch (kind) {
      case 'started':
        this.isStarted = true;
        this.#wasStarted = true;
        return;
      case 'drained':
        this.isGone = true;
    }
  }
}
