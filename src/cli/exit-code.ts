import type { ErrorCode } from '../runtime/errors.ts';

export const EXIT = { ok: 0, fault: 1, usage: 2, damaged: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `
Exit codes:
  0  done
  1  a fault; its code is on stderr and in docs/ERRORS.md
  2  wrong usage or configuration
  3  wal inspect: the log is damaged`;

export function exitCodeOf(code: ErrorCode): ExitCode {
  return code === 'CONFIG_INVALID' ? EXIT.usage : EXIT.fault;
}
