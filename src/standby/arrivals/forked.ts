import type { Fork } from '../../record/fork.ts';
import { type ErrorCode, WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';

const HINT =
  'Give it empty tables, and begin with another --state: --repository restores what counts. Or restore it yourself, to a time after the promotion, and begin there by --begin.';

/** Of a standby whose target has, or may have, what a fork undid. `sentToMs`: what it may have, epoch ms. */
export function forked({ id, at }: Pick<Fork, 'id' | 'at'>, sentToMs: number): WalError {
  return new WalError(
    'STANDBY_FORKED',
    `the log went on from ${formatInstant(at)}, and the target has what was received after that, up to ${formatInstant(sentToMs)} or before`,
    { context: { id, at, sentToMs }, hint: HINT },
  );
}

/** The same, at a later start. */
export function stillForked(message: string): WalError {
  return new WalError('STANDBY_FORKED', message, { hint: HINT });
}

const ENDING: ReadonlySet<ErrorCode> = new Set([
  'STANDBY_FORKED',
  'STANDBY_LOOP',
  'TARGET_IS_PRIMARY',
]);

/** Whether the source may be read again after it: all but what says that the target can't be put right or may not be fed, and bugs. */
export function isPassing(error: unknown): boolean {
  if (error instanceof WalError) return !ENDING.has(error.code);
  return (error as NodeJS.ErrnoException).code !== undefined;
}
