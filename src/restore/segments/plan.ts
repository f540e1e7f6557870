import type { Catalog } from '../../archive/holdings/catalog.ts';
import {
  computeCoverage,
  type Coverage,
  type CoverageHole,
} from '../../archive/holdings/coverage.ts';
import type { Begin } from '../../archive/format/sidecar.ts';
import { reachOf, type Reach } from '../../archive/holdings/reach.ts';
import { coverLane, type LaneCover } from './cover.ts';

/** Which segments a restore is to read, by what the listing says and what is known to be damaged. */
export interface Selection {
  readonly coverage: Coverage;
  readonly check: Reach;
  readonly lanes: ReadonlyMap<string, LaneCover>;
  /** Holes up to the moment restored to. */
  readonly holes: readonly CoverageHole[];
  /** Holes after it: what they may say of refused points isn't known. */
  readonly laterHoles: readonly CoverageHole[];
  /** Intervals of receive times that contain the moment restored to, and in which the clock leapt. */
  readonly disputed: readonly {
    readonly lane: string;
    readonly from: number;
    readonly to: number;
  }[];
}

/** Chooses what to read for the state at `asOfMs`: of every lane, since later records tell what was refused. */
export function selectSegments(
  catalog: Catalog,
  asOfMs: number,
  { allowHoles }: { readonly allowHoles: boolean },
): Selection {
  const coverage = computeCoverage(catalog);
  const lanes = new Map<string, LaneCover>();
  for (const [lane, { begin, objects }] of catalog.lanes) {
    lanes.set(lane, coverLane(lane, objects, begin?.firstSeq ?? 1, asOfMs));
  }
  return {
    coverage,
    check: reachOf(coverage, asOfMs, { allowHoles }),
    lanes,
    holes: coverage.holes.filter(({ fromMs }) => fromMs <= asOfMs),
    laterHoles: coverage.holes.filter(({ fromMs }) => fromMs > asOfMs),
    disputed: coverage.lanes.flatMap(({ lane, disputed }) =>
      disputed !== undefined && isWithin(disputed, asOfMs) ? [{ lane, ...disputed }] : [],
    ),
  };
}

/** The clock may have leapt back: then the interval ends where it begins. */
function isWithin(
  { from, to }: { readonly from: number; readonly to: number },
  ms: number,
): boolean {
  return Math.min(from, to) <= ms && ms <= Math.max(from, to);
}

/**
 * The lanes of which the primary has not surely stored everything, with the last sequence that it has (0: none). `newest`:
 * per lane what its last sidecar that says so has for `confirmed`. What is confirmed of a lane confirms the lanes before it.
 */
export function unconfirmedLanes(
  begins: ReadonlyMap<string, Pick<Begin, 'previous'> | undefined>,
  newest: ReadonlyMap<string, string>,
): Map<string, number> {
  const through = new Map<string, number>();
  for (const lane of begins.keys()) through.set(lane, 0);
  for (const position of newest.values()) {
    const [lane = '', seq] = position.split('/');
    raise(through, lane, Number(seq));
    let before = begins.get(lane)?.previous?.lane;
    while (before !== undefined && through.get(before) !== Infinity) {
      raise(through, before, Infinity);
      before = begins.get(before)?.previous?.lane;
    }
  }
  return new Map([...through].filter(([, seq]) => seq !== Infinity));
}

function raise(through: Map<string, number>, lane: string, seq: number): void {
  through.set(lane, Math.max(through.get(lane) ?? 0, seq));
}
