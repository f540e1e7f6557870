import type { Config } from '../config/options.ts';
import { createLogger } from '../runtime/logger.ts';
import { runStart } from './compose.ts';

/** Runs the proxy until it is told to stop. */
export async function start(config: Config): Promise<void> {
  await runStart(config, createLogger(config.logLevel));
}
