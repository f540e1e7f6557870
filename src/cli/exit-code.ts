import type { ErrorCode } from '../runtime/errors.ts';

export const EXIT = {
  ok: 0,
  fault: 1,
  usage: 2,
  damaged: 3,
  unreachable: 3,
  hole: 4,
  target: 5,
  differs: 6,
  spoilt: 7,
  nothing: 8,
  unfinished: 9,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `
Exit codes:
  0  done
  1  a fault; its code is on stderr and in docs/ERRORS.md
  2  wrong usage or configuration
  3  wal inspect: the log is damaged; restore, and standby --stop-at: the time cannot be reached
  4  the repository lacks records of what it covers, or of what is to be restored or searched
  5  restore, and a standby that begins: the target cannot be used; compare: one of the two cannot be asked
  6  restore: the target differs from what was restored, or refuses points of it; compare: the two differ
  7  the repository is damaged
  8  log grep: no write fits
  9  promote: not finished; the same command goes on where it stood
A command that is interrupted ends with 1 and says what holds. Of one that a signal ended at once (a second Ctrl-C, or
one before it had begun) the shell shows 130 (SIGINT) or 143 (SIGTERM): a restore goes on by the same command all the same.`;

const EXIT_OF: Partial<Record<ErrorCode, ExitCode>> = {
  CONFIG_INVALID: EXIT.usage,
  TIME_UNREACHABLE: EXIT.unreachable,
  STANDBY_PAST_STOP: EXIT.unreachable,
  HOLE_IN_THE_WAY: EXIT.hole,
  TARGET_UNUSABLE: EXIT.target,
  TARGET_IS_PRIMARY: EXIT.target,
  REPOSITORY_DAMAGED: EXIT.spoilt,
  PROMOTE_UNFINISHED: EXIT.unfinished,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_OF[code] ?? EXIT.fault;
}
