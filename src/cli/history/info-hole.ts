import type { CoverageHole } from '../../archive/coverage.ts';
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
