import type { CoverageReport } from '../holdings/coverage-report.ts';
import type { ArchiverState } from '../persistence.ts';
import type { LaneOpening } from '../write/lane-opening.ts';
import type { Position } from '../../record/position.ts';

/** What the proxy and its archiver tell each other, as JSON. Both are of one version: one starts the other. */
export type ToArchiver =
  /** The lanes of the log; the last one takes no data before it is registered. */
  { readonly kind: 'register'; readonly openings: readonly LaneOpening[] };

export type FromArchiver =
  /** The repository is open; `position`: what it holds already, as the cursor says. */
  | {
      readonly kind: 'joined';
      readonly id: string;
      readonly position: Position | null;
    }
  | { readonly kind: 'registered'; readonly lane: string }
  | { readonly kind: 'unregistered'; readonly lane: string; readonly reason: string }
  | { readonly kind: 'archived'; readonly segment: ArchivedSegment }
  /** All up to `position` is durable in the repository, and so is the cursor. */
  | { readonly kind: 'passed'; readonly position: Position }
  | { readonly kind: 'state'; readonly state: ArchiverState }
  | { readonly kind: 'covered'; readonly report: CoverageReport }
  | { readonly kind: 'memory'; readonly residentBytes: number };

interface ArchivedSegment {
  readonly points: number;
  readonly bytes: number;
}
