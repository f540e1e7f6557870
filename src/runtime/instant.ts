import { WalError } from './errors.ts';

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d:\d\d)?$/;
const EPOCH_MS = /^\d{12,15}$/;
/** As puts have them; milliseconds may stand after a decimal point. */
const EPOCH_SECONDS = /^(\d{9,10})(?:\.(\d{3}))?$/;
/** What is greater OpenTSDB takes for milliseconds in a put, and for seconds in a query. */
const SECONDS_MAX = 0xffff_ffff;
const RIGHT =
  '2026-06-01T12:00:00Z or 2026-06-01T14:00:00+02:00, or epoch seconds or milliseconds, as 1780315200 or 1780315200000';

/**
 * Epoch ms of a time as a person writes it: epoch seconds or milliseconds, which their digits tell apart, or RFC 3339 with an
 * offset (seconds may be left out, and fractions below a millisecond are cut off). Throws CONFIG_INVALID otherwise; for a time
 * without an offset with what it would be in UTC and here. `alternative`: what else the flag takes.
 */
export function parseInstant(flag: string, text: string, alternative = ''): number {
  const right =
    alternative === '' ? `Write ${RIGHT}.` : `Write ${alternative}, or a time: ${RIGHT}.`;
  const trimmed = text.trim();
  const epochMs = epochMsOf(trimmed);
  if (epochMs !== undefined) return epochMs;
  const match = RFC_3339.exec(trimmed);
  if (match === null) throw wrong(`${flag} ${text} is no time`, right);
  const utcMs = utcOf(match);
  if (utcMs === undefined) throw wrong(`${flag} ${text}: there is no such date or time`, right);
  const zone = match[8];
  if (zone === undefined) throw naive(flag, text, utcMs);
  const offsetMs = offsetOf(zone);
  if (offsetMs === undefined) throw wrong(`${flag} ${text}: there is no offset ${zone}`, right);
  return utcMs - offsetMs;
}

/** As UTC, to the millisecond. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}

function epochMsOf(text: string): number | undefined {
  if (EPOCH_MS.test(text)) return Number(text);
  const [, seconds = '', ms = '000'] = EPOCH_SECONDS.exec(text) ?? [];
  return seconds === '' || Number(seconds) > SECONDS_MAX ? undefined : Number(seconds + ms);
}

/** The date and time read as UTC; undefined when the calendar or the clock has no such one. */
function utcOf(match: RegExpExecArray): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const fraction = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  // Years below 100 would be taken for 19xx.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, fraction);
  const isReal =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isReal && date.getTime() >= 0 ? date.getTime() : undefined;
}

function offsetOf(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function naive(flag: string, text: string, utcMs: number): WalError {
  const utc = new Date(utcMs);
  const local = new Date(
    utc.getUTCFullYear(),
    utc.getUTCMonth(),
    utc.getUTCDate(),
    utc.getUTCHours(),
    utc.getUTCMinutes(),
    utc.getUTCSeconds(),
    utc.getUTCMilliseconds(),
  );
  const asUtc = withoutZone(utc.toISOString());
  const asLocal = withoutZone(new Date(local.getTime() + offsetMsAt(local)).toISOString());
  const hint =
    `Write ${asUtc}Z if it is UTC, or ${asLocal}${formatOffset(offsetMsAt(local))} if it is ` +
    `this machine's time (${local.toISOString()}).`;
  return wrong(`${flag} ${text} does not say in which time zone`, hint);
}

function withoutZone(iso: string): string {
  return iso.replace(/(?:\.000)?Z$/, '');
}

function offsetMsAt(local: Date): number {
  return -local.getTimezoneOffset() * 60_000;
}

function formatOffset(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  return `${offsetMs < 0 ? '-' : '+'}${twoDigits(minutes / 60)}:${twoDigits(minutes % 60)}`;
}

function wrong(message: string, hint: string): WalError {
  return new WalError('CONFIG_INVALID', message, { hint });
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
