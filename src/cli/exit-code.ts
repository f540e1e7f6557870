import type { ErrorCode } from '../runtime/errors.ts';

export const EXIT = { ok: 0, fault: 1, usage: 2, damaged: 3, hole: 4, spoilt: 7 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `
Exit codes:
  0  done
  1  a fault; its code is on stderr and in docs/ERRORS.md
  2  wrong usage or configuration
  3  wal inspect: the log is damaged
  4  the repository lacks records of what it covers
  7  the repository is damaged`;

export function exitCodeOf(code: ErrorCode): ExitCode {
  if (code === 'CONFIG_INVALID') return EXIT.usage;
  return code === 'REPOSITORY_DAMAGED' ? EXIT.spoilt : EXIT.fault;
}
