import type { Command } from 'commander';
import { type OptionKey, OPTIONS } from '../../config/options.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { addConfigFlags, configOf, TOPIC_KEYS } from '../flags.ts';
import { examples } from '../help.ts';
import type { ControlFlags } from './standby-control.ts';
import type { StandbyFlags } from './parse-standby.ts';

const STANDBY_KEYS: readonly OptionKey[] = [
  'data',
  'repository',
  'admin',
  'delivery.requestTimeout',
  'delivery.syncTimeout',
  'delivery.healWindow',
  'delivery.batchPointsMax',
  'delivery.batchBytesMax',
  ...TOPIC_KEYS,
  'logLevel',
];

const EXAMPLES = [
  'tsdb-wal standby --kafka kafka-1:9092 --topic tsdb-wal --target http://tsdb-standby:4242 --state /var/lib/tsdb-wal-standby',
  'tsdb-wal standby --data /var/lib/tsdb-wal --target http://tsdb-standby:4242 --state /var/lib/tsdb-wal-standby --admin 127.0.0.1:4246',
];

export function addStandby(program: Command, help: { readonly environment: string }): void {
  const standby = addConfigFlags(program.command('standby'), STANDBY_KEYS)
    .summary('keep a second OpenTSDB up with what is written to the first')
    .description(
      'Feeds a second OpenTSDB with everything that the proxies log, in order, and goes on until it is told to stop: with --kafka from the topic that they share, with --repository alone from what is archived, else from the log of --data. docs/STANDBY.md tells what that promises. What options say of delivery to the primary holds for delivery to the target. The other options of `start` are taken, too, and are not for it. With --repository a new --state begins with a restore of what that has.',
    )
    .option('--target <URL>', 'The OpenTSDB to feed, as http://tsdb-standby:4242.')
    .option(
      '--state <DIR>',
      'The directory where it keeps what the target contains. One for each standby.',
    )
    .option(
      '--begin <TIME>',
      'With a new --state: the target contains everything received up to then. oldest: begin with the oldest record there is, whatever was before it, and whatever the target holds.',
    )
    .option('--delay <DURATION>', 'Apply what was received only so long after that, as 1h.')
    .option('--stop-at <TIME>', 'Apply what was received up to then, and end.')
    .option(
      '--follow-again',
      'It was promoted, and no proxy feeds its target, nor did: it is a standby again.',
    )
    .option('--moved', 'The target of --state is the same under a new address.')
    .addHelpText('after', help.environment)
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples(...EXAMPLES))
    .action(async (flags: StandbyFlags, command: Command) => {
      const { parseStandby } = await import('./parse-standby.ts');
      const request = parseStandby(flags, await configOf(command));
      const { runStandby } = await import('../../standby/process/run-standby.ts');
      await runStandby(request);
    });
  addControl(standby, 'pause', 'make a running standby stop where it is, also over its restarts');
  addControl(standby, 'resume', 'let a paused standby go on');
}

function addControl(standby: Command, action: 'pause' | 'resume', summary: string): void {
  standby
    .command(action)
    .summary(summary)
    .description(
      `${summary.charAt(0).toUpperCase()}${summary.slice(1)}. Tells how it then is, in a line.`,
    )
    .option('--admin <ADDRESS>', 'Its admin address.', String(OPTIONS.admin.default))
    .option('--json', 'Print JSON, with its whole status, as docs/JSON.md has it.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples(`tsdb-wal standby ${action} --admin 127.0.0.1:4246`))
    .action(async (_flags: object, command: Command) => {
      const { controlStandby } = await import('./standby-control.ts');
      await controlStandby(action, command.optsWithGlobals<ControlFlags>());
    });
}
