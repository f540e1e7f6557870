import { resolve } from 'node:path';
import { z } from 'zod';
import { formatAddress, parseAddress, type Address } from './address.ts';
import { objectToPath } from './local-path.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './quantity.ts';

/** What an option is written as, in a file or in text. */
export type Plain = string | number | boolean | readonly string[];

/** One thing that can be set, whichever way it is set. */
export interface Option<Value> {
  /** As a person would write it. */
  readonly default: Plain;
  /** What it does, and what follows from setting it. */
  readonly describe: string;
  /** What stands for the value in `--flag VALUE`. */
  readonly placeholder: string;
  /** What a right value looks like; ends the sentence "expected …". */
  readonly expects: string;
  /** The flag, where it isn't the key's own. */
  readonly flag?: string;
  readonly schema: z.ZodType<Value>;
  /** Why a value is not taken, where there is more to say than what a right one looks like. */
  readonly objection?: (raw: unknown) => string | undefined;
  /** The value as it would be written, so that what is printed can be read back. */
  format(value: Value): Plain;
}

interface Described<Written extends Plain> {
  readonly default: Written;
  readonly describe: string;
  /** A shorter flag than the key's own. */
  readonly flag?: string;
}

interface Ranged<Written extends Plain, Bound> extends Described<Written> {
  readonly min?: Bound;
  readonly max?: Bound;
}

interface Matched extends Described<string> {
  readonly pattern: RegExp;
  /** The same, said to people. */
  readonly expects: string;
}

interface Listed extends Described<readonly string[]> {
  /** What every item matches. */
  readonly item: RegExp;
  /** The same, said to people. */
  readonly expects: string;
}

/** A timer that is set for longer than this fires at once. */
const TIMER_MAX = '24d';

/** At the beginning of a path: the data directory. */
export const DATA_PREFIX = 'DATA/';

export const option = {
  /** Empty only where that is the default. */
  string: ({ default: written, describe }: Described<string>): Option<string> => ({
    ...base(written, describe, 'TEXT', 'some text'),
    schema: schemaOf((raw) =>
      typeof raw === 'string' && (raw !== '' || written === '') ? raw : undefined,
    ),
    format: (value) => value,
  }),

  name: ({ default: written, describe, pattern, expects, flag }: Matched): Option<string> => ({
    ...base(written, describe, 'NAME', expects),
    ...flagged(flag),
    schema: schemaOf((raw) => (typeof raw === 'string' && pattern.test(raw) ? raw : undefined)),
    format: (value) => value,
  }),

  /** An absolute path; empty: there is none. */
  file: ({ describe }: Pick<Described<string>, 'describe'>): Option<string> => ({
    ...base('', describe, 'PATH', 'a path, absolute or from where the process is started'),
    objection: objectionToPath,
    schema: schemaOf((raw) => (raw === '' ? '' : parsePath(raw))),
    format: (value) => value,
  }),

  boolean: ({ default: written, describe }: Described<boolean>): Option<boolean> => ({
    ...base(written, describe, 'BOOLEAN', 'true or false'),
    schema: schemaOf((raw) => [true, false].find((value) => String(raw) === String(value))),
    format: (value) => value,
  }),

  choice: <const Choice extends string>(
    choices: readonly Choice[],
    { default: written, describe }: Described<NoInfer<Choice>>,
  ): Option<Choice> => ({
    ...base(written, describe, choices.join('|'), `one of ${choices.join(', ')}`),
    schema: schemaOf((raw) => choices.find((choice) => choice === raw)),
    format: (value) => value,
  }),

  integer: (range: Ranged<number, number>): Option<number> => ({
    ...base(range.default, range.describe, 'N', `a whole number${between(range)}`),
    schema: schemaOf((raw) => within(parseInteger(raw), range.min, range.max)),
    format: (value) => value,
  }),

  bytes: (range: Ranged<string, string>): Option<number> => ({
    ...base(
      range.default,
      range.describe,
      'SIZE',
      `a size with its unit (B, KiB, MiB, GiB or TiB), as ${range.default}${between(range)}`,
    ),
    schema: schemaOf((raw) =>
      within(parseBytes(raw), parseBytes(range.min ?? '1B'), parseBytes(range.max)),
    ),
    format: formatBytes,
  }),

  /** In milliseconds. */
  duration: ({ max = TIMER_MAX, ...range }: Ranged<string, string>): Option<number> => ({
    ...base(
      range.default,
      range.describe,
      'DURATION',
      `a time with its unit (ms, s, m, h or d), as ${range.default}${between({ ...range, max })}`,
    ),
    schema: schemaOf((raw) =>
      within(parseDuration(raw), parseDuration(range.min ?? '1ms'), parseDuration(max)),
    ),
    format: formatDuration,
  }),

  address: ({ default: written, describe }: Described<string>): Option<Address> => {
    const host = parseAddress(written, '')?.host ?? '';
    return {
      ...base(
        written,
        describe,
        'ADDRESS',
        `host:port, [IPv6]:port, or a port alone (of host ${host})`,
      ),
      schema: schemaOf((raw) => parseAddress(raw, host)),
      format: formatAddress,
    };
  },

  /** The origin alone, without a slash at its end. */
  url: ({ default: written, describe }: Described<string>): Option<string> => ({
    ...base(
      written,
      describe,
      'URL',
      `http://host:port, without a path, as ${written}; without a port it is 80`,
    ),
    schema: schemaOf(parseOrigin),
    format: (value) => value,
  }),

  /** An absolute path. */
  path: ({ default: written, describe }: Described<string>): Option<string> => ({
    ...base(written, describe, 'PATH', 'a path, absolute or from where the process is started'),
    objection: objectionToPath,
    schema: schemaOf(parsePath),
    format: (value) => value,
  }),

  /** An absolute path, or one that begins with DATA, which load.ts replaces. */
  dataPath: ({ default: written, describe }: Described<string>): Option<string> => ({
    ...base(
      written,
      describe,
      'PATH',
      'a path, absolute, from where the process is started, or from DATA/ for what `data` names',
    ),
    objection: objectionToPath,
    schema: schemaOf((raw) =>
      typeof raw === 'string' && raw.startsWith(DATA_PREFIX) ? raw : parsePath(raw),
    ),
    format: (value) => value,
  }),

  list: (options: Listed): Option<readonly string[]> => ({
    ...base(
      options.default,
      options.describe,
      'LIST',
      `${options.expects} (a list in a file, joined by commas elsewhere)`,
    ),
    ...flagged(options.flag),
    schema: schemaOf((raw) => parseList(raw, options.item)),
    format: (value) => value,
  }),
};

function base(written: Plain, describe: string, placeholder: string, expects: string) {
  return { default: written, describe, placeholder, expects };
}

function flagged(flag: string | undefined): { readonly flag?: string } {
  return flag === undefined ? {} : { flag };
}

/** Its message is never shown: whoever reports a mistake knows the option, and says what it expects. */
function schemaOf<Value>(parse: (raw: unknown) => Value | undefined): z.ZodType<Value> {
  return z.unknown().transform((raw, context): Value => {
    const value = parse(raw);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom' });
    return z.NEVER;
  });
}

function objectionToPath(raw: unknown): string | undefined {
  return typeof raw === 'string' ? objectToPath(raw) : undefined;
}

/** Absolute. */
function parsePath(raw: unknown): string | undefined {
  if (typeof raw !== 'string' || raw === '') return undefined;
  return objectToPath(raw) === undefined ? resolve(raw) : undefined;
}

function between({ min, max }: { min?: Plain; max?: Plain }): string {
  if (min !== undefined && max !== undefined) return `, from ${String(min)} to ${String(max)}`;
  if (min !== undefined) return `, at least ${String(min)}`;
  return max === undefined ? '' : `, at most ${String(max)}`;
}

function within(
  value: number | undefined,
  min: number | undefined,
  max: number | undefined,
): number | undefined {
  if (value === undefined || value < (min ?? -Infinity)) return undefined;
  return value > (max ?? Infinity) ? undefined : value;
}

function parseInteger(raw: unknown): number | undefined {
  if (typeof raw !== 'number' && !(typeof raw === 'string' && /^-?\d+$/.test(raw)))
    return undefined;
  return Number.isSafeInteger(Number(raw)) ? Number(raw) : undefined;
}

function parseOrigin(raw: unknown): string | undefined {
  if (typeof raw !== 'string' || !URL.canParse(raw)) return undefined;
  const url = new URL(raw);
  return url.protocol === 'http:' && url.href === `${url.origin}/` ? url.origin : undefined;
}

function parseList(raw: unknown, item: RegExp): readonly string[] | undefined {
  const items: unknown =
    typeof raw === 'string' ? raw.split(',').filter((text) => text !== '') : raw;
  const isRight = (text: unknown): text is string => typeof text === 'string' && item.test(text);
  return Array.isArray(items) && items.every(isRight) ? items : undefined;
}
