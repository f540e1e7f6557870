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

describe('a command', () => {
  test.each(['archive', 'standby'])(
    '%s takes an option of start that its help does not have',
    (name) => {
      const command = program.commands.find((one) => one.name() === name);
      expect(command && helpOf(command)).not.toContain('--wal-bytes-max');
      expect(command?.options.map(({ long }) => long)).toContain('--wal-bytes-max');
    },
  );

  test.each(['info', 'restore', 'compare'])(
    '%s takes a flag that only who writes to a topic needs',
    (name) => {
      const command = program.commands.find((one) => one.name() === name);
      expect(command && helpOf(command)).not.toContain('--kafka-clock-bound');
      expect(command?.options.map(({ long }) => long)).toContain('--kafka-clock-bound');
    },
  );

  test.each([
    ['info --repository s3://bucket/x', '--repository s3://bucket/x is no path: that is a URL'],
    ['wal inspect --data=~/x', '--data ~/x is no path: only a shell'],
    ['verify --repository ~/x', '--repository ~/x is no path: only a shell'],
    ['restore --to safe --data /d --work gs://x/y', '--work gs://x/y is no path: that is a URL'],
    ['standby --target http://tsd:4242 --state ~/x', '--state ~/x is no path: only a shell'],
    ['start --config ~/x.yaml', '--config ~/x.yaml is no path: only a shell'],
  ])('takes no URL and no ~ for a path: %s', async (line, says) => {
    const run = createProgram(() => undefined).parseAsync(line.split(' '), { from: 'user' });
    await expect(run).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(says) as string,
    });
  });

  test.each(['archive', 'check-config --for archive'])(
    '%s of a topic must be told the repository',
    async (line) => {
      const of = '--kafka 127.0.0.1:1 --topic tsdb-wal --data /dev/null/none';
      const args = `${line} ${of}`.split(' ');
      const run = createProgram(() => undefined).parseAsync(args, { from: 'user' });
      const expected = { code: 'CONFIG_INVALID', message: '--repository is missing' };
      await expect(run).rejects.toMatchObject(expected);
    },
  );
});
