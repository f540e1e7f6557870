import { CLOCK_MS_MAX } from '../../record/topic-read.ts';
import { computeCoverage, type Holdings } from '../holdings/coverage.ts';
import { LaneArchive } from '../write/lane-archive.ts';
import { partitionIn } from './topic-opening.ts';

/**
 * Since when a partition has to be read for what the repository lacks of it, epoch ms; a partition that isn't named from its oldest
 * message on.
 *
 * An archiver registers each lane of a partition before it commits anything that is after that lane's first message. So what the
 * repository doesn't know at all is after what it has of the others: without any it could be anywhere.
 */
export function startTimes(
  archived: Holdings,
  topic: string,
  partitionOf: (lane: string) => number,
): Map<number, number> {
  const lacking = new Map<number, number>();
  const seen = new Map<number, number>();
  const { lanes, holes } = computeCoverage(archived);
  for (const { lane, coveredToMs, covered } of lanes) {
    const { begin, holes: markers = [] } = archived.lanes.get(lane) ?? {};
    if (begin?.topic !== topic) continue;
    const partition = partitionIn(archived, lane, partitionOf);
    const archive = new LaneArchive(begin, covered, markers);
    seen.set(partition, Math.max(seen.get(partition) ?? 0, archive.fromMs(Infinity)));
    // The topic may have what is in holes that no marker tells of.
    const unexplained = holes.filter(
      ({ lane: of, firstSeq, lastSeq }) =>
        of === lane && lastSeq !== null && !archive.isMarked({ firstSeq, lastSeq }),
    );
    const since = [
      ...(coveredToMs === 'ended' ? [] : [coveredToMs]),
      ...unexplained.map(({ fromMs }) => fromMs),
    ];
    for (const ms of since) lacking.set(partition, Math.min(lacking.get(partition) ?? ms, ms));
  }
  return new Map(
    [...seen].map(([partition, ms]) => [
      partition,
      Math.max(0, (lacking.get(partition) ?? ms) - CLOCK_MS_MAX),
    ]),
  );
}
