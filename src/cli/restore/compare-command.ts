import type { Command } from 'commander';
import type { CompareFlags } from './compare.ts';
import { addTopicFlags, topicLogOf } from '../flags.ts';
import { EXIT_HELP, type ExitCode } from '../exit-code.ts';
import { collect, examples } from '../help.ts';

const EXAMPLE =
  'tsdb-wal compare --source http://tsdb:4242 --target http://tsdb-standby:4242 --from 2026-06-01T00:00:00Z';

export function addCompare(program: Command, settle: (code: ExitCode) => void): void {
  addTopicFlags(program.command('compare'))
    .summary('compare two OpenTSDBs')
    .description(
      'Asks two OpenTSDBs for the same points, metric by metric, and names those that differ, by series and hour: what the target lacks (missing), has too much (extra), has with another value (different) or as an integer instead of a float (form), and hours that one of them cannot read (unreadable). What differs is looked at twice, so that what was only under way is not told. Changes nothing without --repair; both may be written to. docs/STANDBY.md tells what the API cannot show.',
    )
    .requiredOption('--source <URL>', 'The OpenTSDB that is right, as http://tsdb:4242.')
    .requiredOption('--target <URL>', 'The OpenTSDB that is to be the same.')
    .option(
      '--from <TIME>',
      'Only points of this time or later, by their own timestamps, as 2026-06-01T14:00:00+02:00. By default all.',
    )
    .option('--to <TIME>', 'Only points of before this time. By default --lag before now.')
    .option(
      '--metric <NAME>',
      'Only this metric; * stands for any characters. May be given more than once.',
      collect,
    )
    .option(
      '--lag <DURATION>',
      'The target may be so much later; longer than that lasts what is told.',
      '10s',
    )
    .option(
      '--repository <DIR>',
      'Also tell what this repository knows of the points that differ: how they were sent, and whether the primary refused them.',
    )
    .option(
      '--data <DIR>',
      'The same from the log of this data directory, and its repository; from a topic by --kafka and --topic, beside --repository.',
    )
    .option(
      '--repair',
      'Send the target what it lacks or has with another value, then look once more. As it was sent once where --repository or --data has it, else as the source shows it. What the target has too much is only named.',
    )
    .option('--dry-run', 'With --repair: say what would be sent, and send nothing.')
    .option('--rate <N>', 'With --repair: at most so many points a second.')
    .option('--json', 'Print JSON, one object a line, as docs/JSON.md has it.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples(EXAMPLE))
    .action(async (flags: CompareFlags, command: Command) => {
      const { runCompare } = await import('./compare.ts');
      settle(await runCompare(flags, await topicLogOf(command)));
    });
}
