import { type Place, withLanes } from '../../src/standby/place.ts';
import type { SourceRead, StandbySource } from '../../src/standby/source/standby-source.ts';

const READS_MAX = 3_000;

/** All that comes now. */
export async function readAll(source: StandbySource): Promise<SourceRead[]> {
  const reads: SourceRead[] = [];
  for (;;) {
    const read = await source.next();
    if (read === undefined) return reads;
    reads.push(read);
    // As long as the source gives the same again and again, it doesn't come to an end.
    if (reads.length > READS_MAX) throw new Error('it does not come to an end');
  }
}

/** What is contained after all of the reads. */
export function placeAfter(place: Place, reads: readonly SourceRead[]): Place {
  let after = place;
  for (const read of reads) {
    if (read.kind === 'again') after = read.place;
    if (read.kind !== 'frame') continue;
    const { lane, ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = read.frame;
    after = withLanes(after, new Map([[lane, { ordinal, seq, receivedAt }]]));
  }
  return after;
}
