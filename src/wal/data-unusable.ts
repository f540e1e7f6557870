import { WalError } from '../runtime/errors.ts';

/** That a data directory can't be read, with what to do about it; `hint`: what to do where it isn't for the rights. */
export function dataUnusable(path: string, cause: unknown, hint: string): WalError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isForbidden = code === 'EACCES' || code === 'EPERM';
  return new WalError('DATA_UNUSABLE', `${path}: ${message}`, {
    cause,
    hint: isForbidden
      ? 'This user may not read it: run this as the user that the proxy runs as, or as root.'
      : hint,
  });
}
