import { formatRecords } from '../../archive/holdings/coverage.ts';
import { sayOtherTopic } from '../../archive/topic/other-topics.ts';
import { formatLeft, formatSeconds } from '../../runtime/format-seconds.ts';
import { ProgressLine, type ReportOutput } from '../progress-line.ts';
import { TOPIC_UNREAD } from '../../archive/topic/topic-unread.ts';
import type {
  PlannedDamage,
  PlannedRange,
  RestoreEvent,
  RestorePlan,
  RestoreResult,
} from '../../restore/restore-request.ts';

const RANGES_SHOWN = 5;
const NAMES = {
  reading: 'reading what is not archived',
  checking: 'checking segments',
  counting: 'counting',
  loading: 'loading',
  comparing: 'comparing',
} as const;

/** docs/JSON.md is the contract. */
const CONTRACT = { contract: 'tsdb-wal restore', version: 1 } as const;

/** Events as one JSON object a line. */
export function jsonRestoreReport({ out }: ReportOutput): (event: RestoreEvent) => void {
  return (event) => out(`${JSON.stringify({ ...CONTRACT, ...event })}\n`);
}

/** Events for people. */
export function textRestoreReport(
  output: ReportOutput,
  now: () => number,
): (event: RestoreEvent) => void {
  const progress = new ProgressLine(output, now);
  return (event) => {
    if (event.event === 'progress') progress.show(formatProgress(event));
    else if (event.event === 'result') {
      progress.end();
      output.out(formatResult(event));
    } else if (event.event === 'error') {
      // It is told by whoever ends the process, below the line of progress.
      progress.end();
    } else if (event.event !== 'target' || event.kind === 'warning') {
      // Faults of the target are told as the error that they are.
      progress.around(() => output.err(`${formatEvent(event)}\n`));
    }
  };
}

function formatEvent(
  event: Exclude<RestoreEvent, { event: 'progress' | 'result' | 'error' }>,
): string {
  switch (event.event) {
    case 'planned':
      return formatPlan(event);
    case 'target':
      return `warning: the target: ${event.says}\n  ${event.remedy}`;
    case 'resuming':
      return `going on where an earlier run stood (${event.work})`;
    case 'restarting':
      return `warning: ${event.reason}`;
    case 'state':
      return event.state === 'live'
        ? 'the target takes points'
        : `the target is ${event.state}: ${event.reason}`;
  }
}

function formatPlan(plan: RestorePlan): string {
  const { holes, laterHoles, damaged, disputed, forks, laterForks, bypasses } = plan;
  const last = bypasses.at(-1);
  return [
    `the state at ${plan.to} (--to ${plan.toMs}), of ${formatSources(plan)}`,
    ...formatTails(plan),
    ...formatOtherProxies(plan),
    `  reads: segments ${plan.segments}, bytes ${plan.bytes}, points received ${plan.rows}, metrics ${plan.metrics}, series ${plan.series}, ranges ${plan.ranges}`,
    ...(plan.instants === null
      ? []
      : [
          `  the last of them received at ${plan.lastReceived}; data from ${plan.instants.from} to ${plan.instants.to}`,
        ]),
    ...holes.map((hole) => `  LACKS records ${formatRecords(hole)}: ${hole.reason}`),
    ...formatLaterHoles(laterHoles),
    ...damaged.map(formatDamage),
    ...disputed.map(
      ({ from, to }) =>
        `  warning: the clock leapt: receive times from ${new Date(from).toISOString()} to ${new Date(to).toISOString()} are in doubt`,
    ),
    ...forks.map(
      ({ at, since }) =>
        `  without what was undone at ${since}, when the log went on from ${at} (promote --as-of)`,
    ),
    ...laterForks.map(
      ({ at, since }) =>
        `  warning: with what was received from ${at} on, which was undone at ${since}, later than this moment: a restore to ${at} or before, or to ${since} or later, does without`,
    ),
    ...(last === undefined
      ? []
      : [
          `  warning: ${bypasses.length} changes went round the log before, which no restore has; the last at ${last.at}: ${last.change}`,
        ]),
  ].join('\n');
}

function formatDamage({ object, reason, instead }: PlannedDamage): string {
  const from = instead.map(
    ({ source, firstSeq, lastSeq }) => `${firstSeq} to ${lastSeq} from ${INSTEAD[source]}`,
  );
  const taken = from.length === 0 ? '' : `; in place of it records ${from.join(', ')}`;
  return `  warning: done without ${object}: ${reason}${taken}`;
}

const INSTEAD = {
  archive: 'other objects of the repository',
  log: 'the log',
  topic: 'the topic',
} as const;

function formatOtherProxies({ log, topic }: RestorePlan): string[] {
  if (topic === null) return log?.isInTopic === true ? [`  ${TOPIC_UNREAD.read}`] : [];
  const doubt = sayOtherTopic(topic.name, topic.insteadOf);
  return doubt === undefined ? [] : [`  warning: ${doubt}`];
}

function formatLaterHoles([first, ...others]: RestorePlan['laterHoles']): string[] {
  if (first === undefined) return [];
  const more = others.length > 0 ? `, and ${others.length} more such holes` : '';
  const from = new Date(first.fromMs).toISOString();
  return [
    `  warning: records received from ${from} on are missing (${formatRecords(first)})${more}: no later moment can be had without them, and refusals that they may tell of are not known`,
  ];
}

function formatSources({ repository, log, topic }: RestorePlan): string {
  const places = [
    ...(repository === null ? [] : [`repository ${repository.place}`]),
    ...(log === null ? [] : [`the log of ${log.data}${log.isInUse ? ' (in use)' : ''}`]),
    ...(topic === null ? [] : [`the topic ${topic.name} of ${topic.brokers.join(',')}`]),
  ];
  return places.join(' and ');
}

function formatTails({ log, topic, lanes }: RestorePlan): string[] {
  const archivedTo = (log ?? topic)?.archivedTo;
  if (archivedTo === undefined) return [];
  const tails = [
    ...formatRanges('log', log?.ranges ?? []),
    ...formatRanges('topic', topic?.ranges ?? []),
  ];
  return [
    archivedTo === null
      ? '  nothing is archived yet'
      : `  archived: all received up to ${archivedTo}`,
    ...(topic === null ? [] : formatLanes(lanes)),
    ...tails,
  ];
}

/** Of lanes that come from more than the archive: which part of them does. */
function formatLanes(lanes: RestorePlan['lanes']): string[] {
  const mixed = lanes.filter(({ ranges }) => ranges.some(({ source }) => source !== 'archive'));
  return mixed.slice(-RANGES_SHOWN).flatMap(({ lane, ranges }) =>
    ranges
      .filter(({ source }) => source === 'archive')
      .slice(-1)
      .map(
        ({ firstSeq, lastSeq, to }) =>
          `  in the archive: ${lane}/${firstSeq} to ${lastSeq}, received up to ${to}`,
      ),
  );
}

function formatRanges(where: 'log' | 'topic', ranges: readonly PlannedRange[]): string[] {
  const shown = ranges.slice(-RANGES_SHOWN);
  const more = ranges.length - shown.length;
  return [
    ...(more > 0 ? [`  in the ${where} only: ${more} ranges, and`] : []),
    ...shown.map(
      ({ lane, firstSeq, lastSeq, from, to, points }) =>
        `  in the ${where} only: ${lane}/${firstSeq} to ${lastSeq}, received from ${from} to ${to}, points ${points}`,
    ),
  ];
}

function formatProgress(event: Extract<RestoreEvent, { event: 'progress' }>): string {
  const { phase, progress, done, perSecond, etaSeconds } = event;
  // What it makes of them before it can say more takes as long again.
  if (phase === 'checking' && progress >= 1) return `checked bytes ${done}: summing up`;
  const what = phase === 'checking' || phase === 'reading' ? 'bytes' : 'points';
  const left = formatLeft(progress, etaSeconds);
  return `${NAMES[phase]}: ${(progress * 100).toFixed(1)} %, ${what} ${done}, ${perSecond}/s${left}`;
}

function formatResult(result: RestoreResult): string {
  const { outcome, plan, counts, refused, verification, seconds, target } = result;
  const heads = {
    planned: `can be restored: the state at ${plan.to}${target === null ? '' : `, into ${target}, which can take it`}`,
    restored: `restored: the state at ${plan.to}, into ${target}`,
    differs: `DIFFERENT: ${target} is not as it was at ${plan.to}`,
  };
  const lines = [heads[outcome]];
  if (counts !== null) {
    const { points, series, bytes, telnet, provisional } = counts;
    lines.push(
      `  points ${points} (by telnet ${telnet}), series ${series}, bytes of lines ${bytes}`,
    );
    if (provisional > 0) {
      lines.push(
        `  provisional: ${provisional} points that the primary had not surely stored by the last that is known (--only-confirmed leaves them out)`,
      );
    }
  }
  if (plan.holes.length > 0) lines.push(`  without the records of ${plan.holes.length} holes`);
  if (refused.count > 0)
    lines.push(`  REFUSED by the target: ${refused.count} points, see ${refused.list}`);
  if (verification !== null) {
    const { cells, exact, inexact, missing, different, unexpected, unreadable } = verification;
    lines.push(
      `  compared: ${cells} points; exact ${exact}, equal as far as the API shows ${inexact}, missing ${missing}, different ${different}, unexpected ${unexpected}, unreadable ${unreadable}`,
    );
    if (verification.list !== null) {
      lines.push(
        `  series with differences: ${verification.seriesWithDifferences}, see ${verification.list}`,
      );
    }
  } else if (outcome === 'restored') lines.push('  not compared (--no-verify)');
  lines.push(`  took ${formatSeconds(seconds)}`, '');
  return lines.join('\n');
}
