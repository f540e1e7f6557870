import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';

const program = createProgram(() => undefined);

const commands = (parent: Command, path: string): readonly (readonly [string, Command])[] => [
  [path, parent],
  ...parent.commands.flatMap((command) => commands(command, `${path} ${command.name()}`)),
];

const helpOf = (command: Command): string => {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
    getOutHelpWidth: () => 100,
  });
  command.outputHelp();
  return help;
};

describe('the help', () => {
  test.each(commands(program, 'tsdb-wal'))('of %s is as it was', (_path, command) => {
    expect(helpOf(command)).toMatchSnapshot();
  });

  test.each(commands(program, 'tsdb-wal'))('of %s has an example', (path, command) => {
    expect(helpOf(command)).toContain(`Example:\n  $ ${path}`);
  });
});
