import { openRepository } from '../archive/repository.ts';
import { readSummary } from '../archive/summary.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { describeRepository, type Info, type InfoHole, type InfoLane } from './info-contract.ts';
import { type Print, printToStdout } from './print.ts';

export interface InfoOptions {
  readonly repository: string;
  readonly json?: boolean;
  /** False for --no-index. */
  readonly index: boolean;
}

/** Prints what a repository holds, and which moments it can restore. Reads only. */
export async function showInfo(
  options: InfoOptions,
  print: Print = printToStdout,
): Promise<ExitCode> {
  const repository = await openRepository(options.repository);
  const summary = await readSummary(repository.store, { useIndex: options.index });
  const described = describeRepository(repository, summary, Date.now());
  await print(options.json === true ? `${JSON.stringify(described)}\n` : formatInfo(described));
  return EXIT_OF[described.state];
}

const EXIT_OF = { whole: EXIT.ok, hole: EXIT.hole, damaged: EXIT.spoilt } as const;

function formatInfo(info: Info): string {
  const { repository, restorable, safeTime, lagSeconds, totals, lanes, holes, faults } = info;
  const { points, records, bytes, segments } = totals;
  const lag = lagSeconds === null ? '' : `, ${formatSeconds(lagSeconds)} ago`;
  return [
    `repository ${repository.place}: id ${repository.id}, made ${repository.createdAt}`,
    `restorable: ${restorable.map(({ from, to }) => `${from} to ${to}`).join(', ') || 'nothing'}`,
    `safe time: ${safeTime ?? 'none'}${lag}`,
    `holds: points ${points}, records ${records}, bytes ${bytes}, segments ${segments}, lanes ${totals.lanes}`,
    ...(info.indexedMonths === 0
      ? []
      : [
          `  closed months told by their indexes: ${info.indexedMonths} (--no-index lists what is there now)`,
        ]),
    ...lanes.flatMap(formatLane),
    `holes: ${holes.length === 0 ? 'none' : ''}`,
    ...holes.map(formatHole),
    `faults: ${faults.length === 0 ? 'none seen; `tsdb-wal verify` looks into every object' : ''}`,
    ...faults.map(({ kind, object, reason }) => `  ${kind} ${object}: ${reason}`),
    '',
  ].join('\n');
}

function formatLane(lane: InfoLane): string[] {
  const { previous, covered, disputed } = lane;
  const behind = previous === null ? 'the first' : `behind ${previous.lane}/${previous.lastSeq}`;
  const opened =
    lane.reason === null
      ? 'its begin is gone'
      : `opened ${lane.openedAt} by ${lane.reason} on ${lane.host}, ${behind}`;
  const sequences = covered.map(({ firstSeq, lastSeq }) => `${firstSeq} to ${lastSeq}`);
  return [
    `lane ${lane.lane} (number ${lane.ordinal}): ${opened}`,
    `  sequence ${sequences.join(', ') || 'none yet'}: points ${lane.points}, records ${lane.records}, bytes ${lane.bytes}, segments ${lane.segments}`,
    lane.completeBefore === null ? '  ended' : `  complete before ${lane.completeBefore}`,
    ...(disputed === null
      ? []
      : [`  receive times in doubt: ${disputed.from} to ${disputed.to}, since the clock leapt`]),
  ];
}

function formatHole({ lane, firstSeq, lastSeq, from, to, reason }: InfoHole): string {
  return `  ${lane}/${firstSeq} to ${lastSeq}, received from ${from}${to === null ? '' : ` to ${to}`}: ${reason}`;
}

function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  return whole < 7_200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3_600)} h`;
}
