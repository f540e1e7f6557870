import type { Command } from 'commander';
import { objectToPath } from '../config/local-path.ts';
import { parseDuration } from '../config/quantity.ts';
import { WalError } from '../runtime/errors.ts';

/** The address of an OpenTSDB. Throws CONFIG_INVALID. */
export function parseTarget(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== 'http:' || url.pathname !== '/') {
    throw wrong(`${flag} ${text} is no address of an OpenTSDB`, 'Write http://tsdb-new:4242, say.');
  }
  return url;
}

/** Points a second; Infinity when none is said. Throws CONFIG_INVALID. */
export function parseRate(text: string | undefined): number {
  if (text === undefined) return Infinity;
  const rate = Number(text);
  if (!Number.isFinite(rate) || rate < 1) {
    throw wrong(`--rate ${text} is no number of points a second`, 'Write 50000, say.');
  }
  return rate;
}

/** In ms. Throws CONFIG_INVALID. */
export function parseWait(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw wrong(`${flag} ${text} is no duration`, 'Write 10s or 1h, say.');
  return ms;
}

/** Looks at what a command takes as a folder or a file, other than by the table of options. Throws CONFIG_INVALID. */
export function assertPaths(command: Command): void {
  for (const option of command.options) {
    const text: unknown = command.getOptionValue(option.attributeName());
    if (!/<(DIR|FILE)>/.test(option.flags) || typeof text !== 'string') continue;
    const objection = objectToPath(text);
    if (objection !== undefined) {
      throw wrong(`${option.long} ${text} is no path: ${objection}`, 'Name a local path.');
    }
  }
}

export function wrong(message: string, hint: string): WalError {
  return new WalError('CONFIG_INVALID', message, { hint });
}
