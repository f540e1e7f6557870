import { formatInstant } from '../runtime/instant.ts';
import type { LogAnswer, ToldDifference } from './compare-request.ts';
import type { DifferenceKind, DifferentPoint } from './difference.ts';
import type { JudgedDifference } from './difference-journal.ts';
import { isShownUndone, type Mend } from './plan-mend.ts';

/** A difference as it is told, with what the log says of it, and what is done about each point; undefined: nothing. */
export function tellDifference(
  event: ToldDifference['event'],
  { difference, answers }: JudgedDifference,
  mends: readonly Mend[] | undefined,
): ToldDifference {
  const { kind, side, metric, tags, hourMs, points, reason } = difference;
  return {
    event,
    kind,
    side,
    metric,
    tags,
    hour: formatInstant(hourMs),
    points: points.map((point, index) => {
      const { instantMs, source, target } = point;
      const answer = answers.get(index);
      const mend = mends?.[index];
      return {
        at: formatInstant(instantMs),
        source,
        target,
        log: answer === undefined ? null : tellAnswer(answer),
        mend: mend?.kind === 'send' ? mend.from : null,
        reason: reasonOf(kind, point, { answer, mend }),
      };
    }),
    reason,
  };
}

function tellAnswer({
  isRefused,
  undone,
  written,
}: LogAnswer): ToldDifference['points'][number]['log'] {
  return { isRefused, value: written?.value ?? null, undone };
}

function reasonOf(
  kind: DifferenceKind,
  { source, target }: DifferentPoint,
  { answer, mend }: { readonly answer: LogAnswer | undefined; readonly mend: Mend | undefined },
): string | null {
  const reasons = [
    isShownUndone(answer, source) ? 'what the source shows is undone' : '',
    isShownUndone(answer, target) ? 'what the target shows is undone' : '',
    ...(kind === 'extra' && answer !== undefined ? [reasonOfExtra(answer)] : []),
    ...(mend?.kind === 'cannot' ? [mend.reason] : []),
  ].filter((reason) => reason !== '');
  return reasons.length === 0 ? null : reasons.join('; ');
}

function reasonOfExtra({ isRefused, written }: LogAnswer): string {
  if (written !== null) return 'the log has it: the source lacks what was written';
  return isRefused ? 'the primary refused it' : '';
}
