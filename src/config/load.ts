import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { WalError } from '../runtime/errors.ts';
import { nearest } from './nearest.ts';
import { DATA_PREFIX } from './option.ts';
import {
  ENVIRONMENT_PREFIX,
  environmentNameOf,
  flatten,
  isOption,
  type OptionTable,
} from './option-table.ts';
import { OPTIONS, type Config, type OptionKey } from './options.ts';
import { brokenRelations } from './relation.ts';

export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Texts by key: `wal.bytesMax`. */
  readonly flags: Readonly<Record<string, string>>;
}

/** A value that was given for one option, and how. */
interface Setting {
  readonly key: string;
  readonly text: string;
  readonly place: string;
}

type Tree = Readonly<Record<string, unknown>>;

const NAMED = flatten(OPTIONS);
const KEYS = NAMED.map(({ key }) => key);
const SCHEMA = schemaOf(OPTIONS) as z.ZodType<Config>;

/**
 * Flags before environment before file before defaults; what is overridden is not looked at.
 * Throws CONFIG_INVALID with every mistake there is.
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const { file, environment, flags } = sources;
  const settings = [...environmentSettings(environment), ...flagSettings(flags)];
  const given = file === undefined ? {} : await readTree(file);
  const tree = settings.reduce(
    (known, { key, text }) => withValue(known, key.split('.'), text),
    overlay(defaultTree(OPTIONS), given),
  );
  const placeOf = (key: string): string =>
    settings.findLast((setting) => setting.key === key)?.place ?? `in ${file}`;
  const parsed = SCHEMA.transform(withDataPaths).safeParse(tree);
  const problems = [
    ...unknownNames(environment),
    ...(parsed.error?.issues ?? []).flatMap((issue) => explain(issue, tree, placeOf)),
    ...(parsed.success ? brokenRelations(parsed.data) : []),
  ];
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new WalError('CONFIG_INVALID', summarize(problems), {
    context: { problems },
    hint: 'config/reference.yaml has every option; `tsdb-wal check-config` checks without starting',
  });
}

/** Whether a value was given for an option; else its default holds. Throws CONFIG_INVALID for a file that can't be used. */
export async function isGiven(
  { file, environment, flags }: ConfigSources,
  key: OptionKey,
): Promise<boolean> {
  if (flags[key] !== undefined || environment[environmentNameOf(key)] !== undefined) return true;
  return file !== undefined && valueAt(await readTree(file), key.split('.')) !== undefined;
}

function schemaOf(table: OptionTable): z.ZodType {
  const shape = Object.entries(table).map(
    ([name, node]) => [name, isOption(node) ? node.schema : schemaOf(node)] as const,
  );
  return z.strictObject(Object.fromEntries(shape));
}

function defaultTree(table: OptionTable): Tree {
  return Object.fromEntries(
    Object.entries(table).map(([name, node]) => [
      name,
      isOption(node) ? node.default : defaultTree(node),
    ]),
  );
}

function withDataPaths(config: Config): Config {
  const { data, repository } = config;
  if (!repository.startsWith(DATA_PREFIX)) return config;
  return { ...config, repository: resolve(data, repository.slice(DATA_PREFIX.length)) };
}

async function readTree(file: string): Promise<Tree> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unusableFile(file, `cannot be read: ${messageOf(cause)}`, cause);
  });
  const tree = parseYaml(file, text);
  if (tree === null || tree === undefined) return {};
  if (isTree(tree)) return tree;
  throw unusableFile(file, 'holds no options: expected lines like `listen: 0.0.0.0:4243`');
}

function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw unusableFile(file, `is not YAML: ${messageOf(error)}`, error);
  }
}

function unusableFile(file: string, why: string, cause?: unknown): WalError {
  return new WalError('CONFIG_INVALID', `the configuration file ${file} ${why}`, {
    context: { file },
    cause,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function environmentSettings(environment: ConfigSources['environment']): readonly Setting[] {
  return KEYS.flatMap((key) => {
    const name = environmentNameOf(key);
    const text = environment[name];
    return text === undefined ? [] : [{ key, text, place: `by ${name}` }];
  });
}

function flagSettings(flags: ConfigSources['flags']): readonly Setting[] {
  return Object.entries(flags).map(([key, text]) => {
    const flag = NAMED.find((named) => named.key === key)?.flag ?? key;
    return { key, text, place: `by ${flag}` };
  });
}

/** A Kubernetes service called tsdb-wal puts names like these into every pod beside it; they are not ours. */
const SERVICE_LINK = /^TSDB_WAL_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP).*)?)$/;

function unknownNames(environment: ConfigSources['environment']): readonly string[] {
  const known = KEYS.map(environmentNameOf);
  return Object.keys(environment)
    .filter((name) => name.startsWith(ENVIRONMENT_PREFIX) && !known.includes(name))
    .filter((name) => !SERVICE_LINK.test(name))
    .map((name) => `${name} (in the environment) is not a known name${didYouMean(name, known)}`);
}

function explain(
  issue: z.core.$ZodIssue,
  tree: Tree,
  placeOf: (key: string) => string,
): readonly string[] {
  const key = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((name) => (key === '' ? name : `${key}.${name}`))
      .map((path) => `${path} (${placeOf(path)}) is not a known key${didYouMean(path, KEYS)}`);
  }
  const option = NAMED.find((named) => named.key === key)?.option;
  const given = valueAt(tree, issue.path);
  const expects =
    option?.expects ?? `a group with keys as ${KEYS.find((name) => name.startsWith(`${key}.`))}`;
  const objection = option?.objection?.(given) ?? `expected ${expects}`;
  return [`${key}: ${show(given)} (given ${placeOf(key)}); ${objection}`];
}

function didYouMean(given: string, known: readonly string[]): string {
  const name = nearest(given, known);
  return name === undefined ? '' : `; did you mean ${name}?`;
}

function summarize(problems: readonly string[]): string {
  const [first = '', ...others] = problems;
  if (others.length === 0) return first;
  return [`${problems.length} mistakes in the configuration`, ...problems].join('\n  - ');
}

function show(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : JSON.stringify(value);
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function overlay(under: Tree, over: Tree): Tree {
  const added = Object.entries(over).map(([name, value]) => {
    const below = under[name];
    return [name, isTree(below) && isTree(value) ? overlay(below, value) : value] as const;
  });
  return { ...under, ...Object.fromEntries(added) };
}

/** A group that is no group stays as it is, so that this mistake is seen too. */
function withValue(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [name = '', ...rest] = path;
  if (rest.length === 0) return { ...tree, [name]: value };
  const group = tree[name];
  return isTree(group) ? { ...tree, [name]: withValue(group, rest, value) } : tree;
}

function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (node, name) => (isTree(node) ? node[String(name)] : undefined),
    tree,
  );
}
