/** Every fault that can stop tsdb-wal, with a sentence for the person who meets it. docs/ERRORS.md is made from this. */
export const ERROR_CODES = {
  CONFIG_INVALID: 'The configuration has an unknown key, a wrong value or an unreadable file.',
  DATA_LOCKED: 'Another process uses this data directory.',
  DATA_UNUSABLE: 'The data directory cannot be created, read or written.',
  WAL_DAMAGED: 'Bytes of the log that were once durable cannot be read back.',
  WAL_ROLLED_BACK: 'The log ends before a position that a cursor has already passed.',
  WAL_UNAVAILABLE: 'The log cannot take writes now: the disk is full, failing, or at its limit.',
  REPOSITORY_MISSING: 'There is no repository at the place named.',
  REPOSITORY_UNUSABLE:
    'The repository cannot be read or written, or its file system lacks what commits rest on.',
  REPOSITORY_DAMAGED:
    'An object of the repository is not what was written, or is gone though another one names it.',
  REPOSITORY_CONFLICT: 'The repository holds other content for the same records than the log does.',
  TIME_UNREACHABLE: 'The repository does not hold everything that was received up to that time.',
  HOLE_IN_THE_WAY: 'Records that were received up to that time are missing from the repository.',
  LANE_NOT_RETIRED: 'The lane is not known, has ended already, or may still be written to.',
  TARGET_UNUSABLE:
    'The OpenTSDB to restore into, or to compare, cannot be reached, or would not hold the result.',
  RESTORE_INTERRUPTED: 'The restore was interrupted; the same command goes on where it stood.',
  PROMOTE_REFUSED: 'As things stand, the primary cannot be held, switched or released so.',
  PROMOTE_UNFINISHED:
    'Not every proxy was switched, or released; the same command goes on where it stood.',
  STANDBY_UNREACHABLE: 'No standby answers at the admin address.',
  TOPIC_MISSING: 'The topic that is to hold the log is not there, and may not be made.',
  TOPIC_UNUSABLE: 'The topic would refuse what is written to it, or throw it away.',
  KAFKA_UNREACHABLE: 'No broker answers, or none that knows where the topic is.',
  STANDBY_FORKED:
    'The log that a standby follows went on from an earlier moment than its target contains.',
  STANDBY_OVERTAKEN: 'The log that a standby follows no longer has what its target lacks.',
  LISTEN_FAILED: 'An address cannot be listened on.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A fault with its place, its cause and what to do about it. Return or throw it, or log it: one of them, once. */
export class WalError extends Error {
  readonly code: ErrorCode;
  readonly context: Readonly<Record<string, unknown>>;
  /** What the person on call can do. */
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { context?: Record<string, unknown>; hint?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'WalError';
    this.code = code;
    this.context = options.context ?? {};
    this.hint = options.hint;
  }
}

/** Stops the process's work when a thing that can only be a bug has happened. */
export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`assertion failed: ${what}`);
}
