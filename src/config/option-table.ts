import type { Option } from './option.ts';

/** Options and groups of them, by the names they have in a file. */
export interface OptionTable {
  readonly [name: string]: Option<unknown> | OptionTable;
}

/** What a table's options are once read. */
export type Values<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value>
    ? Value
    : Values<Table[Name]>;
};

/** The paths of a table's options in a file: `wal.bytesMax`. */
export type Keys<Table> = {
  [Name in keyof Table & string]: Table[Name] extends Option<unknown>
    ? Name
    : `${Name}.${Keys<Table[Name]>}`;
}[keyof Table & string];

export interface NamedOption {
  /** The path in a file: `wal.bytesMax`. */
  readonly key: string;
  /** `--wal-bytes-max`, unless the option has a shorter one. */
  readonly flag: string;
  readonly option: Option<unknown>;
}

export const ENVIRONMENT_PREFIX = 'TSDB_WAL_';

export function isOption(node: Option<unknown> | OptionTable): node is Option<unknown> {
  return 'schema' in node;
}

/** Every option with its key, in the table's order. */
export function flatten(table: OptionTable, prefix = ''): readonly NamedOption[] {
  return Object.entries(table).flatMap(([name, node]) =>
    isOption(node)
      ? [{ key: prefix + name, flag: node.flag ?? flagOf(prefix + name), option: node }]
      : flatten(node, `${prefix}${name}.`),
  );
}

/** The default as people read it. */
export function defaultText({ default: written }: Option<unknown>): string {
  const text = typeof written === 'object' ? written.join(',') : String(written);
  return text === '' ? 'none' : text;
}

/** The group an option is in, empty at the top: `wal` of `wal.bytesMax`. */
export function groupOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('.')));
}

/** `--wal-bytes-max` of `wal.bytesMax`. */
export function flagOf(key: string): string {
  return `--${words(key).join('-')}`;
}

/** `TSDB_WAL_WAL_BYTES_MAX` of `wal.bytesMax`. */
export function environmentNameOf(key: string): string {
  return ENVIRONMENT_PREFIX + words(key).join('_').toUpperCase();
}

function words(key: string): readonly string[] {
  return key.replaceAll(/[A-Z]/g, '.$&').toLowerCase().split('.');
}
