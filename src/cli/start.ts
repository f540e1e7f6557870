import { setFlagsFromString } from 'node:v8';
import type { Config } from '../config/options.ts';
import { createLogger, type Logger } from '../runtime/logger.ts';
import { runStart } from '../proxy/compose.ts';
import { runWorkers } from '../workers/supervisor.ts';
import { endWithStarter, ownNumber, tell } from '../workers/worker-messages.ts';
import { configOfWorker, placeWorkers } from '../workers/worker-places.ts';

/** Runs the proxy, or several that share a port, until it is told to stop. */
export async function start(config: Config): Promise<void> {
  // What lives long is small. By default V8 lets the rest grow to several times of it before it looks.
  setFlagsFromString('--heap-growing-percent=20');
  const logger = createLogger(config.logLevel);
  const places = await placeWorkers(config);
  if (places === undefined) {
    await runStart(config, logger);
    return;
  }
  const place = places.find(({ number }) => number === ownNumber());
  if (place === undefined) {
    await runWorkers(config, places, logger);
    return;
  }
  await runWorker(configOfWorker(config, place), logger.child({ worker: place.number }), place);
}

async function runWorker(
  config: Config,
  logger: Logger,
  { isDraining }: { readonly isDraining: boolean },
): Promise<void> {
  endWithStarter();
  await runStart(config, logger, {
    isDraining,
    sharesPort: true,
    started: () => tell({ kind: 'started' }),
    drained: () => tell({ kind: 'drained' }),
  });
}
