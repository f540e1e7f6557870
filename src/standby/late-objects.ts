import type { Coverage } from '../archive/coverage.ts';
import type { Span } from '../archive/object-names.ts';

/** What a repository has of each lane, in order. */
export type CoveredLanes = ReadonlyMap<string, readonly Span[]>;

export function coveredLanes({ lanes }: Coverage): CoveredLanes {
  return new Map(lanes.map(({ lane, covered }) => [lane, covered]));
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
    const later = spans.filter(({ toMs }) => toMs > sinceMs);
    const ms = Math.min(...later.flatMap((span) => newSince(span, known) ?? []));
    if (known.length > 0 && ms <= sinceMs) continue;
    const fromMs = Math.max(ms, sinceMs + 1);
    if (fromMs <= readToMs) late.set(lane, fromMs);
  }
  return late;
}

/** When the first record of the span that was not there before was received, or earlier; undefined when all of it was. */
function newSince(
  { firstSeq, lastSeq, fromMs }: Span,
  before: readonly Span[],
): number | undefined {
  let seq = firstSeq;
  let ms = fromMs;
  for (const known of before) {
    if (known.firstSeq > seq) break;
    if (known.lastSeq < seq) continue;
    seq = known.lastSeq + 1;
    ms = known.toMs;
  }
  return seq > lastSeq ? undefined : ms;
}
