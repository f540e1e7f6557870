import { type Finding, BROUGHT_ANEW, PUT_BACK, wrongIndex } from './finding.ts';
import type { LaneCheck } from './lane-check.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import type { MonthIndex } from '../format/month-index-file.ts';
import { formatIndexName, type Span } from '../format/object-names.ts';

/**
 * Where an index of a closed month knows of more than is there, or sums it up otherwise. It may know of less: what was
 * archived late, or merged since, isn't in it.
 */
export function checkIndex(
  { month, lanes }: MonthIndex,
  checks: ReadonlyMap<string, Pick<LaneCheck, 'months'>>,
): Finding[] {
  const name = formatIndexName(month);
  return lanes.flatMap(({ lane, covered, totals, forks = [] }): Finding[] => {
    const check = checks.get(lane);
    if (check === undefined) return [lost(lane, `${name} names it, and nothing of it is there`)];
    const {
      covered: found = [],
      records = 0,
      points = 0,
      forks: said = 0,
      isWhole = true,
    } = check.months.get(month) ?? {};
    const missing = covered.filter((span) => !isWithin(span, found));
    if (missing.length > 0) {
      const shown = missing.map(({ firstSeq, lastSeq }) => `${firstSeq} to ${lastSeq}`).join(', ');
      return [lost(lane, `not all is there that ${name} has of it: records ${shown}`)];
    }
    const isSame = isWhole && found.every((span) => isWithin(span, uniteSpans(covered).covered));
    const isRight = totals.records === records && totals.points === points && forks.length === said;
    if (!isSame || isRight) return [];
    const reason = `of ${lane} it has ${totals.records} records, ${totals.points} points and ${forks.length} forks, the segments ${records}, ${points} and ${said}`;
    return [wrongIndex(name, reason)];
  });
}

function lost(lane: string, reason: string): Finding {
  return {
    severity: 'damage',
    kind: 'missing',
    object: `lanes/${lane}`,
    reason,
    effect:
      'restores and `info --no-index` go by what is there; `info` alone may still promise what is gone',
    remedy: `${BROUGHT_ANEW}; else ${PUT_BACK}`,
  };
}

function isWithin(span: Span, covered: readonly Span[]): boolean {
  return covered.some(
    ({ firstSeq, lastSeq }) => firstSeq <= span.firstSeq && lastSeq >= span.lastSeq,
  );
}
