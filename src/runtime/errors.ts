/** Every fault that can stop tsdb-wal: what it is and what to do, wherever it is met. docs/ERRORS.md is made from this. */
export const ERROR_CODES = {
  CONFIG_INVALID:
    'An option or the configuration has an unknown key, a wrong or missing value, or a file that cannot be read. Set what the message names as the hint says.',
  DATA_LOCKED: 'Another process uses this directory. Stop that one, or name another directory.',
  DATA_UNUSABLE:
    'The data directory cannot be created, read or written, or holds no log. See that it is the right one, and the rights in it.',
  WAL_DAMAGED:
    'Bytes of the log that were once durable cannot be read back. Put the files back if there is a copy; else what was confirmed is in OpenTSDB, and what was archived in the repository.',
  WAL_ROLLED_BACK:
    'The log ends before a position that a cursor has already passed. Put back the newer files of the data directory.',
  WAL_UNAVAILABLE:
    'The log cannot take writes now: the disk is full, failing, or at its limit. Make room; it takes writes again by itself.',
  FORMAT_NEWER:
    'A file of the log or an object of the repository was written by a newer tsdb-wal. It is not damaged: leave it as it is, and use that version for all that reads or writes the place.',
  REPOSITORY_MISSING:
    'There is no repository at the place named. Name the folder that is archived to, or mount it.',
  REPOSITORY_UNUSABLE:
    'The repository cannot be read or written, or its file system lacks what commits rest on. See the rights, the room and the mount.',
  REPOSITORY_DAMAGED:
    'An object of the repository is not what was written, or is gone though another one names it. `tsdb-wal verify` says what that means; put the object back from a copy.',
  REPOSITORY_CONFLICT:
    'The repository holds other content for the same records than the log does. Two data directories may have grown from one copy: let one of them archive to another repository; `tsdb-wal verify` tells whether the object is damaged.',
  TIME_UNREACHABLE:
    'What is read does not hold everything that was received up to that time. Take one of the moments that are named; a log or a topic adds what is not archived yet.',
  HOLE_IN_THE_WAY:
    'Records that were received up to that time are missing from what is read. Put objects back, take an earlier moment, or do without by --allow-holes.',
  LANE_NOT_RETIRED:
    'The lane is not known, has ended already, or may still be written to. `tsdb-wal info` names the lanes and how they stand.',
  TARGET_UNUSABLE:
    'The OpenTSDB to restore into, to feed or to compare cannot be reached, holds data already, or would not hold the result. The hint has the remedy for each fault.',
  RESTORE_INTERRUPTED:
    'A restore was interrupted. The same command, in the same directory or with the same --work, goes on where it stood; where nothing was sent yet, as by a dry run, it begins anew.',
  PROMOTE_REFUSED:
    'As things stand, the primary cannot be held, switched or released so, or the standby drained. Mend what the message names, and try again.',
  PROMOTE_UNFINISHED:
    'Not every proxy was switched, or released. The same command goes on where it stood.',
  STANDBY_UNREACHABLE:
    'No standby answers at the admin address. Name the --admin address that it runs with.',
  TOPIC_MISSING:
    'The topic is not there, or this user may not see it. The hint has the command that makes it, or lists those that there are.',
  TOPIC_UNUSABLE:
    'The topic would refuse what is written to it, or throw it away. The hint has the command that mends it.',
  KAFKA_UNREACHABLE:
    'No broker answers, or none that knows where the topic is. See that the brokers run, and are named rightly.',
  STANDBY_FORKED:
    'The log that a standby follows went on from an earlier moment than its target contains. Give it empty tables, and another --state.',
  STANDBY_OVERTAKEN:
    'The log that a standby follows no longer has what its target lacks. Give it empty tables and another --state, and begin with the repository.',
  STANDBY_PAST_STOP:
    'The target of a standby has, or may have, what was received after its --stop-at. It is left as it is: restore that time into empty tables, or leave out --stop-at.',
  STANDBY_LOOP:
    'The target of a standby is, or passes on to, a proxy that writes to what the standby follows: what it is fed would come back without end. Name the OpenTSDB behind it.',
  TARGET_IS_PRIMARY:
    'The target of a standby is what proxies feed already. Name a second OpenTSDB.',
  LISTEN_FAILED: 'An address cannot be listened on. `tsdb-wal check-config` says what has it.',
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

/** In one sentence or two, with what can be done about it. */
export function explain(error: unknown): string {
  const { message } = error as Error;
  return error instanceof WalError && error.hint !== undefined
    ? `${message}. ${error.hint}`
    : message;
}

/** Stops the process's work when a thing that can only be a bug has happened. */
export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`assertion failed: ${what}`);
}
