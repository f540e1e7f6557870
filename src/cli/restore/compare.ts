import type { TopicLog } from '../../archive/topic-log.ts';
import { compare } from '../../compare/compare.ts';
import type { CompareRequest, CompareResult } from '../../compare/compare-request.ts';
import { parseDuration } from '../../config/quantity.ts';
import { systemClock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { parseInstant } from '../../runtime/instant.ts';
import { jsonReport, textReport } from './compare-report.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { PROCESS_OUTPUT, type ReportOutput } from '../progress-line.ts';

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
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const report =
    flags.json === true ? jsonReport(output) : textReport(output, () => systemClock.monotonicMs());
  const request = requestOf(flags, topic, systemClock.now());
  const { signal } = stop;
  try {
    return exitCodeFor(await compare({ request, clock: systemClock, report, signal }));
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, interrupt);
  }
}

function exitCodeFor({ isComplete, outcome }: CompareResult): ExitCode {
  if (!isComplete) return EXIT.fault;
  return outcome === 'differs' ? EXIT.differs : EXIT.ok;
}

/** Throws CONFIG_INVALID, with what would be right. */
function requestOf(flags: CompareFlags, topic: TopicLog | undefined, now: number): CompareRequest {
  const { from, to, metric = [], lag, repository, data } = flags;
  const source = parseUrl('--source', flags.source);
  const target = parseUrl('--target', flags.target);
  if (source.origin === target.origin) {
    throw wrong(`--source and --target are both ${source.origin}`, 'Name two OpenTSDBs.');
  }
  const lagMs = parseDuration(lag);
  if (lagMs === undefined) throw wrong(`--lag ${lag} is no duration`, 'Write 10s, say.');
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
  const points = rate === undefined ? Infinity : Number(rate);
  if (Number.isNaN(points) || points < 1) {
    throw wrong(`--rate ${rate} is no number of points a second`, 'Write 50000, say.');
  }
  return { isDryRun: dryRun === true, rate: points };
}

function parseUrl(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== 'http:' || url.pathname !== '/') {
    throw wrong(`${flag} ${text} is no address of an OpenTSDB`, 'Write http://tsdb:4242.');
  }
  return url;
}

function wrong(message: string, hint: string): WalError {
  return new WalError('CONFIG_INVALID', message, { hint });
}
