import { formatInstant } from '../runtime/instant.ts';
import type { LogAnswer, ToldDifference } from './compare-request.ts';
import type { DifferenceKind } from './difference.ts';
import type { JudgedDifference } from './difference-journal.ts';

/** A difference as it is told, with what the log says of it. */
export function tellDifference({ difference, answers }: JudgedDifference): ToldDifference {
  const { kind, side, metric, tags, hourMs, points, reason } = difference;
  return {
    event: 'difference',
    kind,
    side,
    metric,
    tags,
    hour: formatInstant(hourMs),
    points: points.map(({ instantMs, source, target }, index) => {
      const answer = answers.get(index);
      return {
        at: formatInstant(instantMs),
        source,
        target,
        log: answer === undefined ? null : tellAnswer(answer),
        reason: reasonOf(kind, answer),
      };
    }),
    reason,
  };
}

function tellAnswer({ isRefused, written }: LogAnswer): ToldDifference['points'][number]['log'] {
  return { isRefused, value: written?.value ?? null };
}

function reasonOf(kind: DifferenceKind, answer: LogAnswer | undefined): string | null {
  if (kind !== 'extra' || answer === undefined) return null;
  if (answer.written !== null) return 'the log has it: the source lacks what was written';
  return answer.isRefused ? 'the primary refused it' : null;
}
