import { stringify } from 'yaml';
import { isOption, type OptionTable } from './option-table.ts';
import { OPTIONS, type Config } from './options.ts';

/** The configuration as a file that would give it again; JSON is such a file too. */
export function formatConfig(config: Config, form: 'yaml' | 'json'): string {
  const tree = formatTree(OPTIONS, config);
  return form === 'yaml' ? stringify(tree, STYLE) : `${JSON.stringify(tree, undefined, 2)}\n`;
}

/** How YAML is written wherever we write it. */
export const STYLE = { singleQuote: true, lineWidth: 0 } as const;

function formatTree(table: OptionTable, values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(table).map(([name, node]) => [
      name,
      isOption(node)
        ? node.format(values[name])
        : formatTree(node, values[name] as Readonly<Record<string, unknown>>),
    ]),
  );
}
