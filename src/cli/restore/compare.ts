import type { TopicLog } from '../../archive/topic/topic-log.ts';
import { compare } from '../../compare/compare.ts';
import type { CompareRequest, CompareResult } from '../../compare/compare-request.ts';
import { systemClock } from '../../runtime/clock.ts';
import { parseInstant } from '../../runtime/instant.ts';
import { jsonCompareReport, textCompareReport } from './compare-report.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { parseRate, parseTarget, parseWait, wrong } from '../parse-flags.ts';
import { PROCESS_OUTPUT, type ReportOutput } from '../progress-line.ts';
import { listenForStop } from '../../runtime/stop-signal.ts';

export interface CompareFlags {
  readonly source: string;
  readonly target: string;
  readonly from?: string;
  readonly to?: string;
  readonly metric?: readonly string[];
  readonly lag: string;
  readonly repository?: string;
  readonly data?: string;
  readonly repair?: boolean;
  readonly dryRun?: boolean;
  readonly rate?: string;
  readonly json?: boolean;
}

/** Compares, and tells what differs. SIGINT and SIGTERM end it early. */
export async function runCompare(
  flags: CompareFlags,
  topic?: TopicLog,
  output: ReportOutput = PROCESS_OUTPUT,
): Promise<ExitCode> {
  using stop = listenForStop();
  const report =
    flags.json === true
      ? jsonCompareReport(output)
      : textCompareReport(output, () => systemClock.monotonicMs());
  const request = requestOf(flags, topic, systemClock.now());
  const { signal } = stop;
  // What can't be had of it is told now, and not when something differs.
  await topic?.ranges();
  return exitCodeFor(await compare({ request, clock: systemClock, report, signal }));
}

function exitCodeFor({ isComplete, outcome }: CompareResult): ExitCode {
  if (!isComplete) return EXIT.fault;
  return outcome === 'differs' ? EXIT.differs : EXIT.ok;
}

/** Throws CONFIG_INVALID, with what would be right. */
function requestOf(flags: CompareFlags, topic: TopicLog | undefined, now: number): CompareRequest {
  const { from, to, metric = [], lag, repository, data } = flags;
  const source = parseTarget('--source', flags.source);
  const target = parseTarget('--target', flags.target);
  if (source.origin === target.origin) {
    throw wrong(`--source and --target are both ${source.origin}`, 'Name two OpenTSDBs.');
  }
  const lagMs = parseWait('--lag', lag);
  const fromMs = from === undefined ? 0 : parseInstant('--from', from);
  const toMs = to === undefined ? now - lagMs : parseInstant('--to', to);
  if (fromMs >= toMs) {
    const until = to === undefined ? `the --to that is left out, ${lag} before now` : `--to ${to}`;
    const hint = 'Points of --from are compared, and points of --to no more.';
    throw wrong(`--from ${from} is not before ${until}`, hint);
  }
  const isLogged = repository !== undefined || data !== undefined;
  if (topic !== undefined && !isLogged) {
    const hint = 'Name the repository that the topic is archived to.';
    throw wrong('--kafka is given without --repository', hint);
  }
  const log = isLogged ? { repository, data, topic } : undefined;
  const repair = repairOf(flags);
  return { source, target, metrics: metric, fromMs, toMs, lagMs, log, repair };
}

function repairOf({ repair, dryRun, rate }: CompareFlags): CompareRequest['repair'] {
  if (repair !== true) {
    if (dryRun !== true && rate === undefined) return undefined;
    throw wrong('--dry-run and --rate are for --repair', 'Without it nothing is sent anyway.');
  }
  return { isDryRun: dryRun === true, rate: parseRate(rate) };
}
