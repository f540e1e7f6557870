import type { TimeSpan, WriteFilter } from '../../archive/search/write-filter.ts';
import { WalError } from '../../runtime/errors.ts';
import { parseInstant } from '../../runtime/instant.ts';

/** As the person wrote them. */
export interface GrepFilterOptions {
  readonly metric?: string;
  readonly tag?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly instantFrom?: string;
  readonly instantTo?: string;
  readonly source?: string;
  readonly value?: string;
}

/** A time without an end on either side. */
export const EVER = { from: 0, to: Number.MAX_SAFE_INTEGER } as const;

/** Throws CONFIG_INVALID, with what would be right. */
export function parseGrepFilter(options: GrepFilterOptions): WriteFilter {
  const { metric, tag = [], from, to, instantFrom, instantTo, source, value } = options;
  const received = parseSpan(['--from', from], ['--to', to]);
  const instants = parseSpan(['--instant-from', instantFrom], ['--instant-to', instantTo]);
  return {
    received: received ?? EVER,
    ...(instants !== undefined && { instants }),
    ...(metric !== undefined && { metric }),
    tags: tag.map(parseTag),
    ...(source !== undefined && { source }),
    ...(value !== undefined && { value }),
  };
}

type Flag = readonly [name: string, text: string | undefined];

function parseSpan([fromFlag, fromText]: Flag, [toFlag, toText]: Flag): TimeSpan | undefined {
  if (fromText === undefined && toText === undefined) return undefined;
  const from = fromText === undefined ? EVER.from : parseInstant(fromFlag, fromText);
  const to = toText === undefined ? EVER.to : parseInstant(toFlag, toText);
  if (from >= to) {
    const hint = `What happens at ${fromFlag} is looked for, and what happens at ${toFlag} no more.`;
    throw wrong(`${fromFlag} ${fromText} is not before ${toFlag} ${toText}`, hint);
  }
  return { from, to };
}

export function parseLimit(text: string | undefined): number {
  if (text === undefined) return Infinity;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw wrong(`--limit ${text} is no number`, 'Write 100, say.');
  return Number(text);
}

function parseTag(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1) {
    throw wrong(`--tag ${text} is no tag`, 'Write host=web1, host=web* or host=*.');
  }
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function wrong(message: string, hint: string): WalError {
  return new WalError('CONFIG_INVALID', message, { hint });
}
