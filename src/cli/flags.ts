import { Option, type Command, type Help } from 'commander';
import { loadConfig } from '../config/load.ts';
import { defaultText, flatten, groupOf, type NamedOption } from '../config/option-table.ts';
import { GROUPS, OPTIONS, type Config } from '../config/options.ts';

interface Flag {
  readonly key: string;
  readonly flag: Option;
}

const FLAGS: readonly Flag[] = flatten(OPTIONS).map((named) => ({
  key: named.key,
  flag: flagFor(named),
}));

/** Gives the command --config and a flag for every option of the table. */
export function addConfigFlags(command: Command): Command {
  command.configureHelp({ formatItem: formatOnTwoLines });
  command.option('--config <FILE>', 'A YAML file of options; see config/reference.yaml.');
  for (const { flag } of FLAGS) command.addOption(flag);
  return command;
}

/** The configuration that the command's flags, with file and environment, make. */
export function configOf(command: Command): Promise<Config> {
  const given: Readonly<Record<string, unknown>> = command.opts();
  const flags = FLAGS.flatMap(({ key, flag }) => {
    const text = given[flag.attributeName()];
    return typeof text === 'string' ? [[key, text] as const] : [];
  });
  return loadConfig({
    file: typeof given['config'] === 'string' ? given['config'] : undefined,
    environment: process.env,
    flags: Object.fromEntries(flags),
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
