import type { Catalog } from '../../archive/holdings/catalog.ts';
import {
  computeCoverage,
  type Coverage,
  type CoverageHole,
  type Holdings,
} from '../../archive/holdings/coverage.ts';
import { type Tails, withTails } from '../../archive/tail/with-tail.ts';
import { formatInstant } from '../../runtime/instant.ts';

export interface InfoRange {
  readonly from: string;
  readonly to: string;
}

export interface InfoHole {
  readonly lane: string;
  readonly firstSeq: number;
  readonly lastSeq: number | null;
  readonly from: string;
  readonly to: string | null;
  readonly reason: string;
}

/** What a repository has together with a log or a topic, or both. */
export interface InfoWith {
  readonly safeTime: string | null;
  readonly restorable: readonly InfoRange[];
  readonly holes: readonly InfoHole[];
}

export function describeCoverage({ safeTimeMs, restorable, holes }: Coverage): InfoWith {
  return {
    safeTime: safeTimeMs === undefined ? null : formatInstant(safeTimeMs),
    restorable: restorable.map(rangeOf),
    holes: holes.map(holeOf),
  };
}

/** `archived`: without what the tails have. `now`: epoch ms. */
export function coverageWith(archived: Holdings, tails: Tails, now: number): Coverage {
  return computeCoverage(withTails(asCatalog(archived), tails, now));
}

/** Coverage is the same whatever the segments are in which spans came. */
function asCatalog({ lanes }: Holdings): Catalog {
  const named = [...lanes].map(([lane, holdings]) => {
    const objects = holdings.objects.map((span) => Object.assign({ lane }, span, LEVEL));
    return [lane, Object.assign({}, holdings, { objects })] as const;
  });
  return { lanes: new Map(named), faults: [] };
}

const LEVEL = { level: 'day' } as const;

export function rangeOf({
  fromMs,
  toMs,
}: {
  readonly fromMs: number;
  readonly toMs: number;
}): InfoRange {
  return { from: formatInstant(fromMs), to: formatInstant(toMs) };
}

export function holeOf({ lane, firstSeq, lastSeq, fromMs, toMs, reason }: CoverageHole): InfoHole {
  const to = toMs === undefined ? null : formatInstant(toMs);
  return { lane, firstSeq, lastSeq, from: formatInstant(fromMs), to, reason };
}
