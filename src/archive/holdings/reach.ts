import type { Coverage, CoverageHole } from './coverage.ts';

/** Whether the state as of a moment can be restored. Never answered with another moment: the nearest ones are told, epoch ms. */
export type Reach =
  | { readonly kind: 'reachable' }
  | {
      readonly kind: 'unreachable';
      readonly why: string;
      readonly nearestBefore: number | undefined;
      readonly nearestAfter: number | undefined;
    }
  /** It could be had without the records of these holes. */
  | {
      readonly kind: 'hole';
      readonly holes: readonly CoverageHole[];
      readonly nearestBefore: number | undefined;
    };

/** `asOfMs`: epoch ms; wanted is what was received up to then, inclusive. */
export function reachOf(
  coverage: Coverage,
  asOfMs: number,
  { allowHoles }: { readonly allowHoles: boolean },
): Reach {
  const { startMs, safeTimeMs, restorable } = coverage;
  const lastWhole = restorable.findLast(({ fromMs }) => fromMs <= asOfMs);
  const nearestBefore = lastWhole && Math.min(lastWhole.toMs, asOfMs);
  if (startMs === undefined || safeTimeMs === undefined || safeTimeMs < startMs) {
    const why = 'nothing is there yet';
    return { kind: 'unreachable', why, nearestBefore: undefined, nearestAfter: undefined };
  }
  if (asOfMs < startMs) {
    const why = 'it is before the first thing that is there';
    const nearestAfter = allowHoles ? startMs : restorable[0]?.fromMs;
    return { kind: 'unreachable', why, nearestBefore: undefined, nearestAfter };
  }
  if (asOfMs > safeTimeMs) {
    const why = 'not everything that was received up to then is there yet';
    return {
      kind: 'unreachable',
      why,
      nearestBefore: allowHoles ? safeTimeMs : nearestBefore,
      nearestAfter: undefined,
    };
  }
  const holes = coverage.holes.filter(({ fromMs }) => fromMs <= asOfMs);
  return holes.length === 0 || allowHoles
    ? { kind: 'reachable' }
    : { kind: 'hole', holes, nearestBefore };
}
