import { Command, Option } from 'commander';
import { type OptionKey, OPTIONS } from '../config/options.ts';
import { type Purpose, PURPOSES } from './check-config/finding.ts';
import { EXIT, EXIT_HELP, type ExitCode } from './exit-code.ts';
import {
  addConfigFlags,
  addTopicFlags,
  archiveConfigOf,
  configOf,
  TOPIC_KEYS,
  topicLogOf,
} from './flags.ts';
import { examples, REPOSITORY_HELP } from './help.ts';
import type { RetireFlags } from './history/lane-retire.ts';
import { assertPaths } from './parse-flags.ts';
import { addInfo, addLog, addRestore } from './read-commands.ts';
import type { VerifyFlags } from './history/verify.ts';
import { addPromote } from './promote/promote-command.ts';
import { addCompare } from './restore/compare-command.ts';
import { addStandby } from './standby/standby-command.ts';
import { VERSION } from '../runtime/version.ts';
import type { InspectOptions } from './history/wal-inspect.ts';

/**
 * The command line. `settle` gets the exit code of the command that ran. Each command loads what it needs when it
 * runs: the proxy must not carry the memory of what restores need.
 */
export function createProgram(settle: (code: ExitCode) => void): Command {
  const program = new Command('tsdb-wal')
    .description(
      'A write-ahead log in front of OpenTSDB: every acknowledged point survives, in order.',
    )
    .version(VERSION)
    .exitOverride()
    .hook('preAction', (_program, command) => assertPaths(command))
    .showHelpAfterError('hint: with --help the command tells its options, and shows an example')
    .addHelpText('after', EXIT_HELP)
    .addHelpText(
      'after',
      examples('tsdb-wal start --primary http://tsdb:4242 --data /var/lib/tsdb-wal'),
    );
  addStart(program);
  addCheckConfig(program, settle);
  addWal(program, settle);
  addArchive(program);
  addInfo(program, settle);
  addLog(program, settle);
  addLane(program, settle);
  addVerify(program, settle);
  addRestore(program, settle);
  addCompare(program, settle);
  addStandby(program, { environment: ENVIRONMENT_HELP });
  addPromote(program, settle);
  return program;
}

function addStart(program: Command): void {
  addConfigFlags(program.command('start'))
    .summary('run the proxy')
    .description(
      'Takes writes from collectors, makes them durable, and delivers them to OpenTSDB. Stops on SIGTERM or SIGINT.',
    )
    .addHelpText('after', ENVIRONMENT_HELP)
    .addHelpText('after', EXIT_HELP)
    .addHelpText(
      'after',
      examples('tsdb-wal start --listen :4243 --primary http://tsdb:4242 --data /var/lib/tsdb-wal'),
    )
    .action(async (_options, command: Command) => {
      const { start } = await import('./start.ts');
      await start(await configOf(command));
    });
}

function addCheckConfig(program: Command, settle: (code: ExitCode) => void): void {
  addConfigFlags(program.command('check-config'))
    .summary('show the configuration in effect, and whether it would work here')
    .description(
      'Prints the configuration in effect on stdout. Says on stderr whether the command that it is for could start with it: whether addresses are free, or in use by that very tsdb-wal, the data directory is usable, and what it talks to answers. It ends with 1 where that would be refused, and where it would come up and not do its work: take no writes, or archive nothing. What stands in no file, as --target and --state of a standby, is not looked at.',
    )
    .addOption(
      new Option('--for <COMMAND>', 'The command that the configuration is for.')
        .choices(PURPOSES)
        .default('start'),
    )
    .option('--json', 'Print JSON instead of YAML.')
    .addHelpText('after', ENVIRONMENT_HELP)
    .addHelpText('after', EXIT_HELP)
    .addHelpText(
      'after',
      examples(
        'tsdb-wal check-config --config /etc/tsdb-wal.yaml',
        'tsdb-wal check-config --for standby --config /etc/tsdb-wal-standby.yaml',
      ),
    )
    .action(async (options: { json?: boolean; for: Purpose }, command: Command) => {
      const { checkConfig } = await import('./check-config/check-config.ts');
      const form = options.json === true ? 'json' : 'yaml';
      const config = await (options.for === 'archive' ? archiveConfigOf : configOf)(command);
      settle(await checkConfig(config, { purpose: options.for, form }));
    });
}

function addWal(program: Command, settle: (code: ExitCode) => void): void {
  program
    .command('wal')
    .summary('look at the log')
    .description('Looks at the log.')
    .addHelpText('after', examples('tsdb-wal wal inspect --data /var/lib/tsdb-wal'))
    .command('inspect')
    .summary('show what the log holds')
    .description(
      'Shows what the log holds, and whether its bytes are whole. Changes nothing; the proxy may be running.',
    )
    .option('--data <DIR>', 'The data directory.', DATA_DEFAULT)
    .option(
      '--from <TIME>',
      'Only what was received at or after this time, as 2025-06-01T12:00:00Z.',
    )
    .option('--to <TIME>', 'Only what was received before this time.')
    .option('--seq <N>', 'Only records with these sequence numbers: 17, 17-20, or LANE/17.')
    .option(
      '--records',
      'Show records with their lines, instead of a summary; so do --from, --to and --seq.',
    )
    .option('--ticks', 'Show also the ticks, one each second in which nothing is received.')
    .option('--json', 'Print JSON, one object a line.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText(
      'after',
      examples(
        'tsdb-wal wal inspect --data /var/lib/tsdb-wal --from 2025-06-01T12:00:00Z --records',
      ),
    )
    .action(async (options: InspectOptions) => {
      const { inspectWal } = await import('./history/wal-inspect.ts');
      const outcome = await inspectWal(options);
      settle(outcome === 'damaged' ? EXIT.damaged : EXIT.ok);
    });
}

const ARCHIVE_KEYS: readonly OptionKey[] = [
  'data',
  'repository',
  'admin',
  'archiver.memoryBytes',
  'archiver.priority',
  'archiver.headroomWarning',
  ...TOPIC_KEYS,
  'logLevel',
];

function addArchive(program: Command): void {
  addConfigFlags(program.command('archive'), ARCHIVE_KEYS)
    .summary('archive the log of a data directory, or a topic')
    .description(
      'Archives the log of a data directory to a repository, and goes on until it is told to stop. `start` runs it as a process of its own; by hand it is of use where `start` runs with --archive off, or not at all. With --kafka it archives the topic that proxies share instead, as one of any number of such processes; --data is then a place of its own for its lock and temporary files, --repository must be named, and --admin tells how it is doing. The other options of `start` are taken, too, and are not for it.',
    )
    .addHelpText('after', ENVIRONMENT_HELP)
    .addHelpText('after', EXIT_HELP)
    .addHelpText(
      'after',
      examples(
        'tsdb-wal archive --data /var/lib/tsdb-wal --repository /mnt/archive/tsdb',
        'tsdb-wal archive --data /var/lib/archiver-1 --repository /mnt/archive/tsdb --kafka kafka-1:9092 --topic tsdb-wal --admin 127.0.0.1:4247',
      ),
    )
    .action(async (_options, command: Command) => {
      const { runArchive } = await import('../archive/process/run-archive.ts');
      await runArchive(await archiveConfigOf(command));
    });
}

function addLane(program: Command, settle: (code: ExitCode) => void): void {
  const lanes = program
    .command('lane')
    .summary('act on one run of a proxy')
    .description('Acts on a lane: what one run of a proxy wrote.')
    .addHelpText('after', examples(RETIRE_EXAMPLE));
  addTopicFlags(lanes.command('retire'))
    .summary('end a lane whose proxy is gone for good')
    .description(
      'Ends a lane that nothing else will end, since its proxy and its data directory are gone for good. Until then it holds the safe time back, as more of it may be to come. What it may have received after its last record counts as missing from then on, unless it stopped in order. A start of its proxy ends a lane by itself. With --kafka the lane is ended after the last record that the topic has of it, which need not be archived yet.',
    )
    .argument('<LANE>', 'The lane, as `tsdb-wal info` shows it.')
    .requiredOption('--repository <DIR>', REPOSITORY_HELP)
    .option(
      '--force',
      'Also when it was written to in the last 15 minutes and has not stopped in order.',
    )
    .option('--dry-run', 'Say where it would be ended, and what that means. Change nothing.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples(RETIRE_EXAMPLE))
    .action(async (lane: string, options: RetireFlags, command: Command) => {
      const { retire } = await import('./history/lane-retire.ts');
      settle(await retire(lane, { ...options, topic: await topicLogOf(command) }));
    });
}

const RETIRE_EXAMPLE =
  'tsdb-wal lane retire 0123456789abcdef --repository /var/lib/tsdb-wal/repository';

function addVerify(program: Command, settle: (code: ExitCode) => void): void {
  program
    .command('verify')
    .summary('look into every object of a repository')
    .description(
      'Reads every object of a repository and says which are damaged, missing, wrong or in contradiction, what that means for restores, and what to do. Changes nothing; `start` may be running.',
    )
    .requiredOption('--repository <DIR>', REPOSITORY_HELP)
    .option(
      '--since <TIME>',
      'Look only into segments that end after this time; everything is listed all the same.',
    )
    .option('--quick', 'Look at sidecars, and at the sizes of data only.')
    .option('--json', 'Print JSON, one object a line, as docs/JSON.md has it.')
    .addHelpText('after', EXIT_HELP)
    .addHelpText('after', examples('tsdb-wal verify --repository /var/lib/tsdb-wal/repository'))
    .action(async (options: VerifyFlags) => {
      const { runVerify } = await import('./history/verify.ts');
      settle(await runVerify(options));
    });
}

const DATA_DEFAULT = String(OPTIONS.data.default);

const ENVIRONMENT_HELP = `
Every option can also stand in the file (wal.bytesMax) or in the environment (TSDB_WAL_WAL_BYTES_MAX).
A flag comes before the environment, the environment before the file. docs/CONFIG.md has them all.`;
