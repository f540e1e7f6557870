import { dirname } from 'node:path';

/**
 * An error that tells of files whose names are other ones at each try, as it is to be told: with their folder in place of each, so
 * that what fails again and again in the same way says so in the same words.
 */
export function tellingFolder(error: unknown, ...paths: readonly string[]): unknown {
  if (!(error instanceof Error)) return error;
  for (const path of paths) error.message = error.message.replaceAll(path, dirname(path));
  return error;
}
