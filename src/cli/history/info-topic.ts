import type { Holdings } from '../../archive/holdings/coverage.ts';
import { otherTopics } from '../../archive/topic/other-topics.ts';
import type { TopicTail } from '../../archive/tail/topic-tail.ts';
import type { Tails } from '../../archive/tail/with-tail.ts';
import { formatInstant } from '../../runtime/instant.ts';
import { coverageWith, describeCoverage, type InfoWith } from './info-hole.ts';
import { describeLane, type InfoLogLane } from './info-log.ts';

/** How far a repository is behind a topic, and what can be restored with both (and with the log, where one is named). */
export interface InfoTopic extends InfoWith {
  readonly name: string;
  readonly brokers: readonly string[];
  /** Topics by which the repository's lanes came, where none of them came by this one or is in it; null otherwise. */
  readonly insteadOf: readonly string[] | null;
  /** Receive time of its last record; null when it has none. */
  readonly to: string | null;
  /** Of all lanes: not archived yet. */
  readonly records: number;
  readonly points: number;
  /** Of which the topic has something that was read. */
  readonly lanes: readonly InfoTopicLane[];
}

interface InfoTopicLane extends InfoLogLane {
  readonly host: string;
  /** With what the topic has; null for a lane that has ended. */
  readonly completeBefore: string | null;
  /** Its last record says that it stopped in order, though nothing has ended it yet. */
  readonly stopped: boolean;
}

/** `archived`: without what the tails have. `now`: epoch ms. */
export function describeTopic(
  topic: TopicTail,
  { archived, tail }: { readonly archived: Holdings; readonly tail: Tails['tail'] },
  now: number,
): InfoTopic {
  const coverage = coverageWith(archived, { tail, topic }, now);
  const ends = new Map(coverage.lanes.map(({ lane, coveredToMs }) => [lane, coveredToMs]));
  const lanes = topic.lanes.map((lane): InfoTopicLane => {
    const end = ends.get(lane.begin.lane) ?? 'ended';
    return {
      ...describeLane(lane, archived.lanes.get(lane.begin.lane)),
      host: lane.begin.host,
      completeBefore: end === 'ended' ? null : formatInstant(end),
      stopped: end !== 'ended' && lane.isClosed,
    };
  });
  const last = topic.lanes.reduce((max, { toMs }) => Math.max(max, toMs), -Infinity);
  return {
    name: topic.topic.topic,
    brokers: topic.topic.brokers,
    insteadOf: otherTopics(archived, topic),
    to: last === -Infinity ? null : formatInstant(last),
    records: lanes.reduce((sum, { records }) => sum + records, 0),
    points: lanes.reduce((sum, { points }) => sum + points, 0),
    lanes,
    ...describeCoverage(coverage),
  };
}
