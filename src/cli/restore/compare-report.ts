import type {
  CompareEvent,
  CompareResult,
  DifferenceCounts,
  ToldDifference,
  ToldPoint,
  ToldProgress,
} from '../../compare/compare-request.ts';
import { formatLeft, formatSeconds } from '../../runtime/format-seconds.ts';
import { ProgressLine, type ReportOutput } from '../progress-line.ts';

/** docs/JSON.md is the contract. */
const CONTRACT = { contract: 'tsdb-wal compare', version: 1 } as const;
/** Of one series and hour. */
const POINTS_SHOWN = 3;

/** Events as one JSON object a line. */
export function jsonCompareReport({ out }: ReportOutput): (event: CompareEvent) => void {
  return (event) => out(`${JSON.stringify({ ...CONTRACT, ...event })}\n`);
}

/** Events for people. */
export function textCompareReport(
  output: ReportOutput,
  now: () => number,
): (event: CompareEvent) => void {
  const progress = new ProgressLine(output, now);
  return (event) => {
    switch (event.event) {
      case 'progress':
        progress.show(formatProgress(event));
        break;
      case 'difference':
      case 'left':
        progress.around(() => output.out(formatDifference(event)));
        break;
      case 'state':
        progress.around(() => output.err(formatState(event)));
        break;
      case 'refused':
        progress.around(() => output.out(`REFUSED by the target: ${event.line}: ${event.error}\n`));
        break;
      case 'result':
        progress.end();
        output.out(formatResult(event));
    }
  };
}

function formatProgress({ phase, progress, done, perSecond, etaSeconds }: ToldProgress): string {
  const what = phase === 'reading the log' ? 'bytes' : 'points';
  const left = formatLeft(progress, etaSeconds);
  return `${phase}: ${(progress * 100).toFixed(1)} %, ${what} ${done}, ${perSecond}/s${left}`;
}

function formatState({
  state,
  reason,
}: {
  readonly state: string;
  readonly reason: string;
}): string {
  return state === 'live' ? 'the target takes points\n' : `the target is ${state}: ${reason}\n`;
}

function formatDifference({
  event,
  kind,
  side,
  metric,
  tags,
  hour,
  points,
  reason,
}: ToldDifference): string {
  const series =
    tags === null
      ? `${metric}, a series that only the ${side} may have`
      : [metric, ...Object.entries(tags).map(([key, value]) => `${key}=${value}`)].join(' ');
  const still = event === 'left' ? 'STILL ' : '';
  if (kind === 'unreadable') {
    return `${still}UNREADABLE in the ${side}: ${series}, hour ${hour}: ${reason}\n`;
  }
  const more = points.length - POINTS_SHOWN;
  return [
    `${still}${kind.toUpperCase()}: ${series}, hour ${hour}: points ${points.length}`,
    ...points.slice(0, POINTS_SHOWN).map(formatPoint),
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
  ].join('\n');
}

function formatPoint({ at, source, target, log, mend, reason }: ToldPoint): string {
  const value = log?.value ?? null;
  const undone = log === null || log.undone.length === 0 ? '' : `, undone ${log.undone.join()}`;
  const logged = `${value === null ? '' : `, log ${value}`}${undone}`;
  const why = reason === null ? '' : ` (${reason})`;
  const sent =
    mend === null ? '' : `, to be sent as the ${mend === 'log' ? 'log has' : 'source shows'} it`;
  return `  ${at} source ${source ?? 'none'}, target ${target ?? 'none'}${logged}${sent}${why}`;
}

function formatResult(result: CompareResult): string {
  const { isComplete, outcome, source, target, from, to, metrics, points, equal, inexact } = result;
  const { differences, settled, logTo, seconds } = result;
  const heads = {
    equal: `equal: ${target} has what ${source} has`,
    mended: `mended: ${target} has what ${source} has now`,
    differs: `DIFFERENT: ${target} has not what ${source} has`,
  };
  const lines = [
    isComplete && outcome !== null
      ? heads[outcome]
      : 'interrupted: nothing is said of what was not compared',
    `  points of ${from} and later, before ${to}; metrics ${metrics}; points of the source ${points.source}, of the target ${points.target}`,
    `  equal ${equal}, equal as far as the API shows ${inexact}`,
  ];
  if (differences !== null) lines.push(`  ${formatCounts(differences)}`);
  if (settled !== null && settled > 0) {
    lines.push(`  points that differed at first and no more when looked at again: ${settled}`);
  }
  if (logTo !== null) lines.push(`  the log was asked for what was received up to ${logTo}`);
  lines.push(...formatRepair(result));
  lines.push(`  took ${formatSeconds(seconds)}`, '');
  return lines.join('\n');
}

function formatRepair({ repair, logTo }: CompareResult): string[] {
  if (repair === null) return [];
  const { isDryRun, log, api, cannot, refused, left } = repair;
  const verb = isDryRun ? 'that would be sent' : 'sent';
  const lines = [
    `  points ${verb} as the log has them ${log}, as the source shows them ${api}; about which nothing can be done ${cannot}`,
  ];
  if (api > 0) {
    const advice =
      logTo === null ? '--repository, --kafka or --data know better' : 'the log has none of these';
    lines.push(
      `  warning: the source does not show how a point was sent: such ones go by HTTP, with times in seconds where they are whole (${advice})`,
    );
  }
  if (refused > 0) lines.push(`  REFUSED by the target: ${refused}`);
  if (left !== null) lines.push(`  afterwards: ${formatCounts(left)}`);
  return lines;
}

function formatCounts({ missing, extra, different, form, unreadable }: DifferenceCounts): string {
  return `missing ${missing}, extra ${extra}, different ${different}, of another form ${form}, unreadable hours of series ${unreadable}`;
}
