import type { Finding } from '../../archive/verify/finding.ts';
import { formatLeft, formatSeconds } from '../../runtime/format-seconds.ts';
import { ProgressLine, type ReportOutput } from '../progress-line.ts';
import {
  CONTRACT,
  type VerifyEvent,
  type VerifyProgress,
  type VerifyResult,
} from './verify-contract.ts';

type Event = VerifyProgress | ({ readonly event: 'finding' } & Finding) | VerifyResult;

/** Events as one JSON object a line. */
export function jsonVerifyReport({ out }: ReportOutput): (event: Event) => void {
  return (event) => {
    const told: VerifyEvent = { ...CONTRACT, ...event };
    out(`${JSON.stringify(told)}\n`);
  };
}

/** Events for people. */
export function textVerifyReport(output: ReportOutput, now: () => number): (event: Event) => void {
  const progress = new ProgressLine(output, now);
  return (event) => {
    switch (event.event) {
      case 'progress':
        progress.show(formatProgress(event));
        break;
      case 'finding':
        progress.around(() => output.out(formatFinding(event)));
        break;
      case 'result':
        progress.end();
        output.out(formatResult(event));
    }
  };
}

function formatProgress(event: VerifyProgress): string {
  const { progress, objects, bytes, bytesTotal, bytesPerSecond, etaSeconds } = event;
  const left = formatLeft(progress, etaSeconds);
  return `verifying: ${(progress * 100).toFixed(1)} %, segments ${objects}, bytes ${bytes} of ${bytesTotal}, ${bytesPerSecond}/s${left}`;
}

function formatFinding({ kind, severity, object, reason, effect, remedy }: Finding): string {
  const head = `${kind} ${object}: ${reason}\n`;
  return severity === 'note' ? head : `${head}  restores: ${effect}\n  remedy: ${remedy}\n`;
}

function formatResult(result: VerifyResult): string {
  const { findings, restorable, reached, isQuick, since } = result;
  const later = `segments that end after ${since}`;
  const told = hasNone(result) ? `there are no ${later}` : `only ${later} were looked into`;
  const scope = [
    ...(since === null ? [] : [told]),
    ...(isQuick ? ['only sizes of data were looked at (--quick)'] : []),
  ];
  return [
    `${headOf(result)}: repository ${result.repository.place}, id ${result.repository.id ?? 'unknown'}`,
    `  looked into: segments ${result.segments}, bytes ${result.bytes}, records ${result.records}, points ${result.points}, lanes ${result.lanes}`,
    ...scope.map((line) => `  ${line}`),
    `  found: damage ${findings.damage}, holes ${findings.hole}, notes ${findings.note}`,
    result.isComplete
      ? `  restorable: ${restorable.map(({ from, to }) => `${from} to ${to}`).join(', ') || 'nothing'}`
      : `  INTERRUPTED${reached === null ? '' : ` in lane ${reached.lane} at ${reached.time ?? 'its beginning'}`}: the rest was not looked at`,
    `  took ${formatSeconds(result.seconds)}`,
    '',
  ].join('\n');
}

function headOf(result: VerifyResult): string {
  switch (result.state) {
    case 'damaged':
      return 'DAMAGED';
    case 'hole':
      return 'HOLES: records are missing';
    case 'whole':
      if (!result.isComplete) return 'nothing wrong so far';
      return hasNone(result) ? 'NOTHING LOOKED INTO' : 'whole';
  }
}

/** Whether no segment ends after the time that was asked for. */
function hasNone({ since, segments, isComplete }: VerifyResult): boolean {
  return since !== null && segments === 0 && isComplete;
}
