import type { Config } from '../config/options.ts';
import type { Logger } from '../runtime/logger.ts';

/** Runs the proxy; resolves once it was told to stop and has stopped. */
export async function runStart(config: Config, logger: Logger): Promise<void> {
  logger.info({ listen: config.listen }, 'start');
  await Promise.resolve();
}
