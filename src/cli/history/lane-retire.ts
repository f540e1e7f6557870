import { openRepository } from '../../archive/repository.ts';
import {
  findEnding,
  type LaneEnding,
  refusedAlive,
  retireLane,
  whyAlive,
} from '../../archive/write/retire-lane.ts';
import { findHistory } from '../../archive/tail/sources.ts';
import type { TopicLog } from '../../archive/topic/topic-log.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { closedLanes } from './lane-close.ts';
import { type Print, printToStdout } from '../print.ts';

export interface RetireFlags {
  readonly repository: string;
  /** Also a lane that was written to a short while ago, and has not stopped in order. */
  readonly force?: boolean;
  /** Only tell what would be done. */
  readonly dryRun?: boolean;
  readonly topic?: TopicLog | undefined;
}

/** Ends a lane by hand, and tells what that means. Throws LANE_NOT_RETIRED. */
export async function retire(
  lane: string,
  { repository: place, force = false, dryRun: isDryRun = false, topic }: RetireFlags,
  print: Print = printToStdout,
): Promise<ExitCode> {
  const repository = await openRepository(place);
  const now = Date.now();
  const { store } = repository;
  const found = await findHistory({ repository, store, data: undefined, topic }, { now });
  const ending = findEnding({ lane, ...found });
  const tail = found.topic?.lanes.find(({ begin }) => begin.lane === lane);
  const isInTopic = tail?.runs.at(-1)?.lastSeq === ending.lastSeq;
  const closed = isInTopic
    ? tail.isClosed
    : (await closedLanes(store, new Map([[lane, ending]]))).has(lane);
  // One that stopped in order is written to no more.
  const alive = closed || force ? undefined : whyAlive(lane, ending, now);
  if (alive !== undefined && !isDryRun) throw refusedAlive(alive);
  const { lastSeq } = ending;
  const reason = `the lane was ended by hand at ${new Date(now).toISOString()}`;
  if (!isDryRun)
    await retireLane(repository, { lane, lastSeq, isClosed: closed, reason, notedAt: now });
  const cameBy = found.archived.lanes.get(lane)?.begin?.topic;
  const notes = [
    ...(alive === undefined ? [] : [`${alive}: without --force it is refused for now`]),
    ...(isInTopic
      ? [
          'what the topic has of it is not archived yet: it is ended once an archiver has archived that',
        ]
      : []),
    ...(cameBy !== undefined && topic === undefined
      ? [`it came by the topic ${cameBy}: should that have more of it, this counts no more`]
      : []),
  ];
  await print(
    tellEnding(lane, ending, { closed, isDryRun }) +
      notes.map((note) => `note: ${note}\n`).join(''),
  );
  return EXIT.ok;
}

function tellEnding(
  lane: string,
  { lastSeq, toMs }: LaneEnding,
  { closed, isDryRun }: { readonly closed: boolean; readonly isDryRun: boolean },
): string {
  const verb = isDryRun ? 'would be ended' : 'is ended';
  const at = new Date(toMs).toISOString();
  return closed
    ? `lane ${lane} ${verb} with record ${lastSeq}, received at ${at}: it stopped in order, and nothing of it is missing\n`
    : `lane ${lane} ${verb} after record ${lastSeq}, received at ${at}: whatever it received later is missing. Restores to ${at} or later are refused, or do without it (--allow-holes)\n`;
}
