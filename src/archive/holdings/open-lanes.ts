import type { Clock } from '../../runtime/clock.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Coverage, Holdings } from './coverage.ts';

/** A lane that nothing has ended: the safe time can't pass what is archived of it. */
export interface OpenLane {
  readonly lane: string;
  /** Undefined when its begin is gone. */
  readonly host: string | undefined;
  /** Complete for times before that, epoch ms. */
  readonly toMs: number;
  /** A later lane of its data directory is registered: so what comes after `toMs` is only to be archived. */
  readonly isFollowed: boolean;
}

/** An idle lane is archived every ten minutes: one that has had nothing for so long is silent. */
export const SILENT_MS_MIN = 900_000;

/** A lane that others bring on, as after a restart of all, is given so long to show it. */
const WATCHED_MS_MIN = 120_000;

/** The lanes that nothing has ended; first the one that is archived least far in time. */
export function openLanes({ lanes }: Holdings, coverage: Pick<Coverage, 'lanes'>): OpenLane[] {
  const followed = new Set([...lanes.values()].map(({ begin }) => begin?.previous?.lane));
  return coverage.lanes
    .flatMap(({ lane, coveredToMs: toMs }) =>
      toMs === 'ended'
        ? []
        : [{ lane, host: lanes.get(lane)?.begin?.host, toMs, isFollowed: followed.has(lane) }],
    )
    .toSorted((a, b) => a.toMs - b.toMs);
}

/**
 * Finds the lanes with which nobody goes on, as far as a repository tells: nothing of them came for a quarter of an hour, and for some minutes
 * before the eyes of this one. Whether their proxies run can't be seen from here.
 */
export class SilentLanes {
  readonly #clock: Clock;
  #watched = new Map<string, { readonly toMs: number; readonly sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call with each listing. */
  look(open: readonly OpenLane[]): OpenLane[] {
    const sinceMs = this.#clock.monotonicMs();
    this.#watched = new Map(
      open.map(({ lane, toMs }) => {
        const before = this.#watched.get(lane);
        return [lane, before?.toMs === toMs ? before : { toMs, sinceMs }];
      }),
    );
    return open.filter(({ lane, toMs }) => {
      const watchedMs = sinceMs - (this.#watched.get(lane)?.sinceMs ?? sinceMs);
      return watchedMs >= WATCHED_MS_MIN && this.#clock.now() - toMs >= SILENT_MS_MIN;
    });
  }
}

/** For people; `place`: the repository. */
export function tellSilent({ lane, host, toMs }: OpenLane, place: string): string {
  const of = host === undefined ? '' : ` of ${host}`;
  return `lane ${lane}${of} holds the safe time back: nothing of it was archived since ${formatInstant(toMs)}. If its proxy runs, see what hinders its archiver; a start on its data directory ends the lane; if that is gone for good, so does \`tsdb-wal lane retire ${lane} --repository ${place}\`, which may leave a hole (--dry-run tells)`;
}
