import { WalError } from '../runtime/errors.ts';
import type { RecordFilter } from '../wal/inspect.ts';

export interface FilterOptions {
  /** Only what was received at or after this time, as the person wrote it. */
  readonly from?: string;
  /** Only what was received before this time. */
  readonly to?: string;
  /** `N`, `N-M`, `LANE/N` or `LANE/N-M`; the start of a lane's id is enough. */
  readonly seq?: string;
}

/** Undefined when nothing is asked for in particular. Throws CONFIG_INVALID, with what would be right. */
export function parseFilter(options: FilterOptions): RecordFilter | undefined {
  const { from, to, seq } = options;
  if (from === undefined && to === undefined && seq === undefined) return undefined;
  return {
    from: from === undefined ? EVERYTHING.from : parseTime('--from', from),
    to: to === undefined ? EVERYTHING.to : parseTime('--to', to),
    ...(seq === undefined ? EVERY_SEQUENCE : parseSequence(seq)),
  };
}

const EVERY_SEQUENCE = { firstSeq: 1, lastSeq: Number.MAX_SAFE_INTEGER, lane: '' };

export const EVERYTHING: RecordFilter = { from: 0, to: Number.MAX_SAFE_INTEGER, ...EVERY_SEQUENCE };

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/;

function parseTime(flag: string, text: string): number {
  if (/^\d{12,15}$/.test(text)) return Number(text);
  const match = RFC_3339.exec(text.replace(' ', 'T').replace('z', 'Z'));
  const time = Date.parse(match?.[0] ?? '');
  if (match === null || Number.isNaN(time)) {
    throw wrong(`${flag} ${text} is no time`, 'Write 2025-06-01T12:00:00Z, or epoch milliseconds.');
  }
  if (match[3] === undefined) {
    const local = `${match[0]}${offsetAt(time)}`;
    const hint = `Write ${match[0]}Z for UTC, or ${local} for this machine's time zone.`;
    throw wrong(`${flag} ${text} does not say in which time zone`, hint);
  }
  return time;
}

/** The local offset at a time, as `+02:00`. */
function offsetAt(time: number): string {
  const minutes = -new Date(time).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${twoDigits(size / 60)}:${twoDigits(size % 60)}`;
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}

function parseSequence(text: string): Pick<RecordFilter, 'firstSeq' | 'lastSeq' | 'lane'> {
  const match = /^(?:([0-9a-f]{1,16})\/)?(\d{1,15})(?:-(\d{1,15}))?$/.exec(text);
  if (match === null) {
    throw wrong(`--seq ${text} is no sequence number`, 'Write 17, 17-20, or LANE/17.');
  }
  const [, lane = '', first = '', last = first] = match;
  return { lane, firstSeq: Number(first), lastSeq: Number(last) };
}

function wrong(message: string, hint: string): WalError {
  return new WalError('CONFIG_INVALID', message, { hint });
}
