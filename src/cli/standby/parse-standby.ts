import type { Config } from '../../config/options.ts';
import { formatInstant, parseInstant } from '../../runtime/instant.ts';
import type { StandbyRequest } from '../../standby/process/standby-request.ts';
import { parseTarget, parseWait, wrong } from '../parse-flags.ts';

export interface StandbyFlags {
  readonly target?: string;
  readonly state?: string;
  readonly source?: string;
  readonly begin?: string;
  readonly delay?: string;
  readonly stopAt?: string;
  readonly moved?: boolean;
  readonly followAgain?: boolean;
  /** Of the options that all commands share: only whether they were given. */
  readonly data?: string;
  readonly repository?: string;
}

/** Throws CONFIG_INVALID, with what would be right. */
export function parseStandby(flags: StandbyFlags, config: Config): StandbyRequest {
  const { target, state, begin, delay, stopAt } = flags;
  if (target === undefined) {
    throw wrong('--target is missing', 'Name the OpenTSDB to feed, as http://tsdb-standby:4242.');
  }
  if (state === undefined) {
    throw wrong('--state is missing', 'Name a directory of its own, as /var/lib/tsdb-wal-standby.');
  }
  const beginAt = parseBegin(begin);
  const stopAtMs = stopAt === undefined ? Infinity : parseInstant('--stop-at', stopAt);
  if (beginAt.kind === 'at' && beginAt.ms > stopAtMs) {
    throw wrong(
      `--begin ${begin} is later than --stop-at ${stopAt}`,
      'The target contains everything up to --begin: what is to be stopped at comes after that.',
    );
  }
  return {
    config,
    target: parseTarget('--target', target),
    state,
    begin: beginAt,
    delayMs: delay === undefined ? 0 : parseWait('--delay', delay),
    stopAtMs,
    isData: flags.data !== undefined,
    repository: flags.repository === undefined ? undefined : config.repository,
    isMoved: flags.moved === true,
    isFollowingAgain: flags.followAgain === true,
  };
}

function parseBegin(text: string | undefined): StandbyRequest['begin'] {
  if (text === undefined) return { kind: 'unsaid' };
  if (text === 'oldest') return { kind: 'oldest' };
  const ms = parseInstant('--begin', text, 'oldest');
  const now = Date.now();
  // All that is there would be passed over as contained.
  if (ms > now) throw wrong(`--begin ${text} is yet to come`, `It is ${formatInstant(now)}.`);
  return { kind: 'at', ms };
}
