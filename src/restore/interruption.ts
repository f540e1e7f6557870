import { WalError } from '../runtime/errors.ts';

/** What to throw when a restore is to end early: nothing is lost by it. */
export function interrupted(work: string, asOfMs: number): WalError {
  return new WalError('RESTORE_INTERRUPTED', 'the restore was interrupted', {
    context: { work },
    hint: `The same command goes on where it stood, at --to ${asOfMs} (${work}).`,
  });
}
