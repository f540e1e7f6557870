import type { Coverage, CoverageHole } from '../../archive/holdings/coverage.ts';
import type { Span } from '../../archive/format/object-names.ts';

/** What a repository has of each lane, in order. */
export type CoveredLanes = ReadonlyMap<string, readonly Span[]>;

export function coveredLanes({ lanes }: Coverage): CoveredLanes {
  return new Map(lanes.map(({ lane, covered }) => [lane, covered]));
}

/** The same without records that turned out to be missing. */
export function withoutHole(
  lanes: CoveredLanes,
  { lane, firstSeq, lastSeq, fromMs, toMs }: CoverageHole,
): CoveredLanes {
  const spans = (lanes.get(lane) ?? []).flatMap((span) => {
    const before = { ...span, lastSeq: Math.min(span.lastSeq, firstSeq - 1), toMs: fromMs };
    const first = Math.max(span.firstSeq, (lastSeq ?? Infinity) + 1);
    const after = { ...span, firstSeq: first, fromMs: toMs ?? span.toMs };
    if (span.lastSeq < firstSeq || first === span.firstSeq) return [span];
    return [before, after].filter((part) => part.firstSeq <= part.lastSeq);
  });
  return new Map(lanes).set(lane, spans);
}

/**
 * Lanes of which something is there that was not before, though it was received no later than what was read by then: of each since when, epoch
 * ms. So it is with a lane that was registered after others were archived further, and with a hole that is filled. What was received up to
 * `sinceMs` was to be contained from the beginning.
 */
export function lateLanes(
  before: CoveredLanes,
  now: CoveredLanes,
  { sinceMs, readToMs }: { readonly sinceMs: number; readonly readToMs: number },
): Map<string, number> {
  const late = new Map<string, number>();
  for (const [lane, spans] of now) {
    const known = before.get(lane) ?? [];
    const parts = spans.flatMap((span) => newParts(span, known));
    const later = parts.filter(({ toMs }) => toMs > sinceMs);
    const fromMs = Math.max(Math.min(...later.map((part) => part.fromMs)), sinceMs + 1);
    if (fromMs <= readToMs) late.set(lane, fromMs);
  }
  return late;
}

/** Records of a lane; all were received from the one time to the other, epoch ms. */
interface Part {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What of the span was not there before. */
function newParts(span: Span, before: readonly Span[]): readonly Part[] {
  const parts: Part[] = [];
  let { firstSeq, fromMs } = span;
  for (const known of before) {
    if (known.lastSeq < firstSeq || known.firstSeq > span.lastSeq) continue;
    if (known.firstSeq > firstSeq) parts.push({ fromMs, toMs: known.fromMs });
    firstSeq = known.lastSeq + 1;
    fromMs = known.toMs;
  }
  if (firstSeq <= span.lastSeq) parts.push({ fromMs, toMs: span.toMs });
  return parts;
}
