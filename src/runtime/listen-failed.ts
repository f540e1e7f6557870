import { WalError } from './errors.ts';

/** That an address can't be listened on, with what can be done about it; `flag`: by which option it was named. */
export function listenFailed(
  flag: string,
  { host, port }: { readonly host: string; readonly port: number },
  cause: unknown,
): WalError {
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new WalError('LISTEN_FAILED', `--${flag} ${shown} cannot be had`, {
    context: { host, port },
    hint: hintOf(cause, port),
    cause,
  });
}

/** Of an error of listen(2), or of looking up a name. */
export function hintOf(cause: unknown, port: number): string {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return 'Is another process listening there? `tsdb-wal check-config` says what has it.';
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `This user may not listen on port ${port}: below 1024 it takes CAP_NET_BIND_SERVICE, or root. Name another port.`;
  }
  if (ELSEWHERE.has(code)) {
    return 'This machine has no such address. Name one of its own, or 0.0.0.0 for all.';
  }
  return `The system says: ${message}`;
}

const ELSEWHERE: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
