import { Option, type Command, type Help } from 'commander';
import type { TopicLog } from '../archive/topic/topic-log.ts';
import { type ConfigSources, isGiven, loadConfig } from '../config/load.ts';
import { defaultText, flatten, groupOf, type NamedOption } from '../config/option-table.ts';
import { GROUPS } from '../config/groups.ts';
import { OPTIONS, type Config, type OptionKey } from '../config/options.ts';
import { WalError } from '../runtime/errors.ts';

interface Flag {
  readonly key: string;
  readonly flag: Option;
}

/** How a topic is reached, and which. */
export const TOPIC_KEYS = [
  'kafka.brokers',
  'kafka.connectionTimeout',
  'kafka.requestTimeout',
  'kafka.tls',
  'kafka.tlsCa',
  'kafka.tlsCert',
  'kafka.tlsKey',
  'kafka.sasl',
  'kafka.username',
  'kafka.passwordFile',
  'kafka.topic.name',
] as const satisfies readonly OptionKey[];

const FLAGS: readonly Flag[] = flatten(OPTIONS).map((named) => ({
  key: named.key,
  flag: flagFor(named),
}));

/**
 * Gives the command --config and a flag for every option of the table. Its help has those that it looks at, by default all: the others
 * are taken all the same, so that commands can be given one set of flags, as `start` gives its own to its archiver.
 */
export function addConfigFlags(command: Command, looksAt?: readonly OptionKey[]): Command {
  command.configureHelp({ formatItem: formatOnTwoLines });
  command.option('--config <FILE>', 'A YAML file of options; see config/reference.yaml.');
  const keys = looksAt && new Set<string>(looksAt);
  for (const named of flatten(OPTIONS)) {
    command.addOption(flagFor(named).hideHelp(keys?.has(named.key) === false));
  }
  return command;
}

const TOPIC_FLAGS = FLAGS.filter(({ key }) => isTopicKey(key));

function isTopicKey(key: string): boolean {
  return (TOPIC_KEYS as readonly string[]).includes(key);
}

/** Gives the command --config and the flags by which a topic is read; those that only writing to it takes are taken all the same. */
export function addTopicFlags(command: Command): Command {
  command.option(
    '--config <FILE>',
    'A YAML file with options of kafka; see config/reference.yaml.',
  );
  for (const { key, flag } of FLAGS) {
    if (key.startsWith('kafka.')) command.addOption(flag.hideHelp(!isTopicKey(key)));
  }
  return command;
}

/** The topic that a command is to read; undefined when it names none. A broker that only the environment names is none. */
export async function topicLogOf(command: Command): Promise<TopicLog | undefined> {
  const config = await topicConfigOf(command);
  if (config === undefined) return undefined;
  const { openNamedTopic } = await import('./named-topic.ts');
  return openNamedTopic(config);
}

async function topicConfigOf(command: Command): Promise<Config | undefined> {
  const given: Readonly<Record<string, unknown>> = command.opts();
  const named = TOPIC_FLAGS.filter(({ flag }) => given[flag.attributeName()] !== undefined);
  const isNamed = named.some(({ key }) => key === 'kafka.brokers');
  if (!isNamed && given['config'] === undefined) {
    const [first] = named;
    if (first === undefined) return undefined;
    throw withoutKafka(first);
  }
  const config = await configOf(command);
  return config.kafka.brokers.length === 0 ? undefined : config;
}

/** The configuration that the command's flags, with file and environment, make. Throws CONFIG_INVALID. */
export async function configOf(command: Command): Promise<Config> {
  const given: Readonly<Record<string, unknown>> = command.opts();
  const config = await loadConfig(sourcesOf(given));
  // Who names a topic means it: without brokers the log would go to none, or another log be read, and nothing say so.
  const idle = FLAGS.find(
    ({ key, flag }) => key.startsWith('kafka.topic.') && given[flag.attributeName()] !== undefined,
  );
  if (idle !== undefined && config.kafka.brokers.length === 0) throw withoutKafka(idle);
  return config;
}

/** The same for `archive`: where a topic is archived to must be said, as there is no proxy's directory in which it would be looked for. */
export async function archiveConfigOf(command: Command): Promise<Config> {
  const config = await configOf(command);
  if (config.kafka.brokers.length === 0) return config;
  if (await isGiven(sourcesOf(command.opts()), 'repository')) return config;
  throw new WalError('CONFIG_INVALID', '--repository is missing', {
    hint: 'Name the folder that all archivers of the topic write to, as /mnt/archive/tsdb.',
  });
}

function sourcesOf(given: Readonly<Record<string, unknown>>): ConfigSources {
  const flags = FLAGS.flatMap(({ key, flag }) => {
    const text = given[flag.attributeName()];
    return typeof text === 'string' ? [[key, text] as const] : [];
  });
  return {
    file: typeof given['config'] === 'string' ? given['config'] : undefined,
    environment: process.env,
    flags: Object.fromEntries(flags),
  };
}

function withoutKafka({ flag }: Flag): WalError {
  return new WalError('CONFIG_INVALID', `${flag.long} is given without --kafka`, {
    hint: 'Name a broker by --kafka, as kafka-1:9092.',
  });
}

/** The default is only told: commander would hand it on as if it had been given. */
function flagFor({ key, flag: name, option }: NamedOption): Option {
  const flag = new Option(
    `${name} <${option.placeholder}>`,
    `${option.describe} (default: ${defaultText(option)})`,
  );
  const group = groupOf(key);
  return group === '' ? flag : flag.helpGroup(`${GROUPS[group]}:`);
}

/** The descriptions are sentences: beside flags of such length they would have no room. */
function formatOnTwoLines(term: string, _width: number, description: string, help: Help): string {
  const columns = (help.helpWidth ?? 80) - DESCRIPTION_INDENT.length;
  const lines = help.boxWrap(description, columns).split('\n');
  return [`  ${term}`, ...lines.map((line) => DESCRIPTION_INDENT + line)].join('\n');
}

const DESCRIPTION_INDENT = ' '.repeat(6);
