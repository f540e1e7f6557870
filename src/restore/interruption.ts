import { WalError } from '../runtime/errors.ts';
import { untilAborted } from '../runtime/clock.ts';
import type { Checkpoint } from './work-directory/work-directory.ts';

/** What an interrupted run leaves. */
export interface Left {
  readonly isDryRun: boolean;
  /** By which the same request goes on; undefined when nothing was sent yet, or it isn't known which it is. */
  readonly place?: { readonly work: string; readonly checkpoint: Checkpoint } | undefined;
}

/** Whatever rejects once the signal aborts does so for that: then RESTORE_INTERRUPTED, with what holds and what to do. */
export async function unlessInterrupted<T>(
  signal: AbortSignal,
  task: () => Promise<T>,
  left: () => Promise<Left>,
): Promise<T> {
  try {
    signal.throwIfAborted();
    return await task();
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw interrupted(await left(), cause);
  }
}

/** What is under way for nobody goes on, and its outcome with it. */
export async function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = untilAborted(signal).then((): never => {
    throw signal.reason;
  });
  return Promise.race([work, aborted]);
}

function interrupted({ isDryRun, place }: Left, cause: unknown): WalError {
  const what = isDryRun ? 'the dry run was interrupted' : 'the restore was interrupted';
  return new WalError('RESTORE_INTERRUPTED', what, {
    cause,
    context: { work: place?.work ?? null },
    hint: isDryRun
      ? 'It sent nothing and kept nothing: the same command begins anew.'
      : place === undefined
        ? 'This run sent nothing: the same command begins anew, or goes on where an earlier run of it stood.'
        : sayGoingOn(place),
  });
}

function sayGoingOn({ work, checkpoint: { asOfMs, phase } }: NonNullable<Left['place']>): string {
  const loaded = phase === 'loaded' ? 'Everything is loaded, and not compared to its end. ' : '';
  return `${loaded}The same command, in the same directory or with the same --work, goes on where it stood, at --to ${asOfMs} (${work}).`;
}
