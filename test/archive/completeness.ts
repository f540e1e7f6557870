import type { Coverage } from '../../src/archive/holdings/coverage.ts';
import type { TrueLane } from './history.ts';

export const isCovered = ({ objects }: TrueLane, seq: number): boolean =>
  objects.some(({ firstSeq, lastSeq }) => firstSeq <= seq && seq <= lastSeq);

/** The sequence up to which a lane's end is known from those after it. */
export const endOf = (lanes: readonly TrueLane[], { lane }: TrueLane): number =>
  Math.max(
    ...lanes.map(({ begin }) => (begin.previous?.lane === lane ? begin.previous.lastSeq : -1)),
  );

/** Whether everything that a lane received up to a time is there for sure: by counting sequences. */
export function isComplete(lanes: readonly TrueLane[], lane: TrueLane, time: number): boolean {
  let seq = 1;
  while (isCovered(lane, seq)) seq += 1;
  const end = endOf(lanes, lane);
  if (end >= 0 && seq > end) return true;
  const last = lane.objects.find(({ lastSeq }) => lastSeq === seq - 1);
  return time < (last?.toMs ?? lane.begin.openedAt);
}

export const isIn = ({ restorable }: Coverage, time: number): boolean =>
  restorable.some(({ fromMs, toMs }) => fromMs <= time && time <= toMs);

/** When the first lane of all was opened. */
export const startOf = (lanes: readonly TrueLane[]): number =>
  Math.min(...lanes.map(({ begin }) => begin.openedAt));

export const timesOf = (lanes: readonly TrueLane[]): number[] => {
  const ends = lanes.flatMap(({ receivedAt }) => receivedAt);
  const from = startOf(lanes) - 2;
  return Array.from({ length: Math.max(...ends) + 3 - from }, (_, n) => from + n);
};

export const sequencesOf = (holes: Coverage['holes']): string[] =>
  holes.flatMap(({ lane, firstSeq, lastSeq }) =>
    Array.from(
      { length: (lastSeq ?? firstSeq) - firstSeq + 1 },
      (_, n) => `${lane}/${firstSeq + n}`,
    ),
  );
