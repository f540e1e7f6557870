import type { Command } from 'commander';
import { EXIT, EXIT_HELP, type ExitCode } from '../exit-code.ts';
import { collect, examples } from '../help.ts';
import type { PromoteFlags } from './run-promote.ts';

const EXAMPLE =
  'tsdb-wal promote --standby 10.0.0.9:4246 --proxy 10.0.0.7:4244 --proxy 10.0.0.8:4244';

export function addPromote(program: Command, settle: (code: ExitCode) => void): void {
  program
    .command('promote')
    .summary('make the target of a standby the primary, with writes going on')
    .description(
      'Makes the OpenTSDB that a standby feeds the primary of proxies that go on taking writes; nothing acknowledged is lost. Looks at all first, holds the proxies, lets the standby come to contain what they have sent, stops it, and switches the proxies. What fails before the first switch is undone; after that, the same command goes on where it stood. docs/PROMOTE.md is the runbook.',
    )
    .requiredOption('--standby <ADDRESS>', 'The admin address of the standby.')
    .requiredOption(
      '--proxy <ADDRESS>',
      'The admin address of a proxy; once for each that the standby follows.',
      collect,
    )
    .option(
      '--to <URL>',
      'How proxies reach the target of the standby, where it is not as the standby does. What was begun is gone on with by the address that it was begun with.',
    )
    .option(
      '--as-of <TIME>',
      'Go back to what was received up to this time, which the standby must not be past (--delay). What was received after it and before the proxies are held is undone, for later restores, too.',
    )
    .option('--dry-run', 'Look at all, and change nothing.')
    .option('--json', 'Print JSON, one object a line, as docs/JSON.md has it.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples(EXAMPLE))
    .action(async (flags: PromoteFlags) => {
      const { runPromote } = await import('./run-promote.ts');
      // Should nobody read what it tells, it ends where it stands.
      settle(flags.dryRun === true ? EXIT.ok : EXIT.unfinished);
      await runPromote(flags);
      settle(EXIT.ok);
    });
}
