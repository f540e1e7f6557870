import type { Command } from 'commander';
import { EXIT_HELP, type ExitCode } from './exit-code.ts';
import { addTopicFlags, topicLogOf } from './flags.ts';
import { collect, examples, REPOSITORY_HELP } from './help.ts';
import type { InfoOptions } from './history/info.ts';
import type { GrepOptions } from './history/log-grep.ts';
import { listenForStop } from '../runtime/stop-signal.ts';
import type { RestoreFlags } from './restore/restore.ts';

export function addInfo(program: Command, settle: (code: ExitCode) => void): void {
  addTopicFlags(program.command('info'))
    .summary('show what a repository holds, and which moments can be restored')
    .description(
      'Shows what a repository holds of each lane, its holes, and which moments can be restored. With --kafka also what the topic has beyond that, and which moments can be restored with it. Changes nothing; `start` may be running.',
    )
    .option('--repository <DIR>', `${REPOSITORY_HELP} By default the one that --data archives to.`)
    .option('--data <DIR>', 'Also tell what of the log of this data directory is not archived yet.')
    .option('--json', 'Print JSON, as docs/JSON.md has it.')
    .option('--no-index', 'List every object, instead of believing the index of closed months.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples('tsdb-wal info --repository /var/lib/tsdb-wal/repository'))
    .action(async (options: InfoOptions, command: Command) => {
      const { showInfo } = await import('./history/info.ts');
      settle(await showInfo({ ...options, topic: await topicLogOf(command) }));
    });
}

export function addLog(program: Command, settle: (code: ExitCode) => void): void {
  const log = program
    .command('log')
    .summary('look into what was written')
    .description('Looks into what was written, as the repository, the log and the topic have it.')
    .addHelpText('after', examples(GREP_EXAMPLE));
  addTopicFlags(log.command('grep'))
    .summary('show who wrote what, when, from where')
    .description(
      'Shows the writes that fit everything that is named, in the order in which they were received: when, by which transport, from where, the line, and LANE/SEQ of its record; those that the primary refused are marked. Missing records, and changes that went round the log meanwhile, are told on stderr. Checks what it reads. With --kafka also what only the topic has. Changes nothing; `start` may be running.',
    )
    .option('--repository <DIR>', `${REPOSITORY_HELP} By default the one that --data archives to.`)
    .option(
      '--data <DIR>',
      'Also look into the log of this data directory, as far as it is not archived.',
    )
    .option('--metric <NAME>', 'Only this metric; * stands for any characters.')
    .option(
      '--tag <KEY=VALUE>',
      'Only series with this tag; * in the value stands for any characters. May be given more than once.',
      collect,
    )
    .option(
      '--from <TIME>',
      'Only what was received at or after this time, as 2026-06-01T14:00:00+02:00.',
    )
    .option('--to <TIME>', 'Only what was received before this time.')
    .option(
      '--instant-from <TIME>',
      'Only points of this time or later, by their own timestamps; epoch seconds or milliseconds, as a put has them, will do.',
    )
    .option('--instant-to <TIME>', 'Only points of before this time, by their own timestamps.')
    .option(
      '--source <ADDRESS>',
      'Only what came from this address, as 10.0.0.7 or 10.0.0.7:51514.',
    )
    .option('--value <TEXT>', 'Only this value, as it was sent.')
    .option('--limit <N>', 'Stop after so many writes.')
    .option('--json', 'Print JSON, one object a line, as docs/JSON.md has it.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples(GREP_EXAMPLE))
    .action(async (options: GrepOptions, command: Command) => {
      const { grepLog } = await import('./history/log-grep.ts');
      settle(await grepLog({ ...options, topic: await topicLogOf(command) }));
    });
}

const GREP_EXAMPLE =
  "tsdb-wal log grep --repository /var/lib/tsdb-wal/repository --metric 'sys.cpu.*' --tag host=web1 --from 2026-06-01T14:00:00+02:00";

export function addRestore(program: Command, settle: (code: ExitCode) => void): void {
  addTopicFlags(program.command('restore'))
    .summary('bring an empty OpenTSDB to a chosen moment')
    .description(
      'Brings an empty OpenTSDB to the state of a chosen moment: all that was received by then and not refused. Checks what it reads and the target first, and compares the target with what was meant afterwards. Interrupted, the same command goes on where it stood. With --kafka, what only the topic has counts as if it were archived. docs/RECOVERY.md is the runbook.',
    )
    .option('--repository <DIR>', `${REPOSITORY_HELP} By default the one that --data archives to.`)
    .option(
      '--data <DIR>',
      'Also read the log of this data directory, as far as it is not archived; `start` may be running. Where nothing was ever archived, the log alone.',
    )
    .option('--target <URL>', 'The OpenTSDB to restore into, as http://tsdb-new:4242.')
    .option(
      '--to <TIME>',
      'The moment, by when things were received: 2026-06-01T14:32:00+02:00, epoch seconds or milliseconds, or safe for the latest that is complete: before the first hole.',
    )
    .option(
      '--dry-run',
      'Say what would be restored, with exact counts; look at the target if one is named. Send nothing.',
    )
    .option('--rate <N>', 'At most so many points a second.')
    .option(
      '--only-confirmed',
      'Leave out what the primary had not surely stored by the last that is known.',
    )
    .option('--allow-holes', 'Do without records that are missing.')
    .option(
      '--allow-other-metrics',
      'The target may hold metrics that the moment has nothing of: they stay as they are, and are not compared.',
    )
    .option('--no-verify', 'Do not compare the target afterwards.')
    .option(
      '--work <DIR>',
      'Where restores keep their place and temporary files.',
      'tsdb-wal-restore',
    )
    .option('--memory <SIZE>', 'Memory for sorting; what needs more goes to --work.', '300MiB')
    .option('--json', 'Print events and the result as JSON, one object a line.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText(
      'after',
      examples(
        'tsdb-wal restore --data /var/lib/tsdb-wal --target http://tsdb-new:4242 --to 2026-06-01T14:32:00+02:00',
        'tsdb-wal restore --repository /mnt/archive/tsdb --kafka kafka-1:9092 --topic tsdb-wal --target http://tsdb-new:4242 --to safe',
      ),
    )
    .action(async (options: RestoreFlags, command: Command) => {
      // What is needed takes a while to load: who interrupts that is to be told what it means, too.
      using stop = listenForStop();
      const { runRestore } = await import('./restore/restore.ts');
      settle(await runRestore(options, await topicLogOf(command), stop.signal));
    });
}
