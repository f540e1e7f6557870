import { stringify } from 'yaml';
import { ERROR_CODES } from '../runtime/errors.ts';
import { STYLE } from './format.ts';
import {
  defaultText,
  environmentNameOf,
  flatten,
  groupOf,
  type NamedOption,
} from './option-table.ts';
import { GROUPS } from './groups.ts';
import { OPTIONS } from './options.ts';

const COMMENT_COLUMNS = 96;

/** The pages made from tables, by their path in the repository. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string>> = {
  'config/reference.yaml': renderReferenceYaml,
  'docs/CONFIG.md': renderConfigPage,
  'docs/ERRORS.md': renderErrorsPage,
};

function renderReferenceYaml(): string {
  const groups = groupNames().map((group) => {
    const names = group === '' ? [] : group.split('.');
    const indent = '  '.repeat(names.length);
    const above = indent.slice(2);
    const heading = group === '' ? '' : `${above}# ${GROUPS[group]}.\n${above}${names.at(-1)}:\n`;
    return (
      heading +
      optionsOf(group)
        .map((named) => renderYamlOption(named, indent))
        .join('\n')
    );
  });
  return [
    '# Every option with its default. Made by `npm run docs` from src/config/options.ts.\n' +
      '# Copy what you change: a file with fewer lines goes on getting better defaults.\n',
    ...groups,
  ].join('\n');
}

function renderYamlOption({ key, option }: NamedOption, indent: string): string {
  const name = key.slice(key.lastIndexOf('.') + 1);
  const lines = [
    ...wrap(option.describe, COMMENT_COLUMNS - indent.length).map((line) => `# ${line}`),
    ...stringify({ [name]: option.default }, STYLE)
      .trimEnd()
      .split('\n'),
  ];
  return lines.map((line) => `${indent}${line}\n`).join('');
}

function renderConfigPage(): string {
  const groups = groupNames().map((group) =>
    [`## ${GROUPS[group]}`, ...optionsOf(group).map(renderPageOption)].join('\n\n'),
  );
  return `${[CONFIG_PREFACE, ...groups].join('\n\n')}\n`;
}

const CONFIG_PREFACE = `# Configuration

Made by \`npm run docs\` from \`src/config/options.ts\`. Nothing has to be set.

A flag comes before the environment, the environment before the file given by \`--config\`, the file before the default.
An unknown or wrong key stops the start with every mistake listed. \`tsdb-wal check-config\` shows what is in effect,
and whether it would work here: \`--for archive\` and \`--for standby\` for the files of these commands.
[reference.yaml](../config/reference.yaml) is a file with all of it, [example.yaml](../config/example.yaml) one with what is usually set.`;

function renderPageOption({ key, flag, option }: NamedOption): string {
  return [
    `### \`${key}\``,
    option.describe,
    [
      `- Default: \`${defaultText(option)}\``,
      `- Value: ${option.expects}`,
      `- Flag: \`${flag}\``,
      `- Environment: \`${environmentNameOf(key)}\``,
    ].join('\n'),
  ].join('\n\n');
}

function renderErrorsPage(): string {
  const codes = Object.entries(ERROR_CODES).map(([code, says]) => `## \`${code}\`\n\n${says}`);
  return `${[ERRORS_PREFACE, ...codes].join('\n\n')}\n`;
}

const ERRORS_PREFACE = `# Errors

Made by \`npm run docs\` from \`src/runtime/errors.ts\`. Every fault that stops a command has one of these codes. It is printed as
\`error CODE: what happened\`, followed by what can be done about it.`;

function groupNames(): readonly string[] {
  const groups = flatten(OPTIONS).map(({ key }) => groupOf(key));
  return [...new Set(groups)];
}

function optionsOf(group: string): readonly NamedOption[] {
  return flatten(OPTIONS).filter(({ key }) => groupOf(key) === group);
}

function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
