import { describe, expect, test } from 'vitest';
import { otherTopics } from '../../src/archive/topic/other-topics.ts';
import { findHistory } from '../../src/archive/tail/sources.ts';
import type { TopicLog } from '../../src/archive/topic/topic-log.ts';
import { showInfo } from '../../src/cli/history/info.ts';
import { describeSources } from '../../src/restore/describe-sources.ts';
import { findState } from '../../src/restore/segments/find-state.ts';
import { present } from '../kit/wal-log.ts';
import { ArchiveRig } from './archive-rig.ts';
import { FakeTopic, madeLane } from './fake-topic.ts';
import { holds, laneId, lengthOf, shape, START } from './topic-group.ts';
import { archive, sourcesOf } from './topic-reads.ts';

const OWN = madeLane(laneId(0, 1), 'h', shape());
const STRANGE = madeLane(laneId(0, 2), 'g', shape());
const DOUBT = 'no lane of the repository came by the topic other, or is in it (they came by fake)';

describe('a topic that the repository has nothing of', () => {
  test('is told with those that it has, by info, by a restore and by its refusal', async () => {
    await using rig = await archived();
    expect(await told(rig, topicOf(OWN).log())).toBeNull();
    const other = { ...topicOf(STRANGE).log(), topic: 'other' };
    expect(await told(rig, other)).toEqual(['fake']);
    expect(await told(rig, { ...new FakeTopic(1).log(), topic: 'other' })).toEqual(['fake']);

    const shown: string[] = [];
    await showInfo({ repository: rig.place, topic: other, index: true }, (text) => {
      shown.push(text);
      return Promise.resolve(true);
    });
    expect(shown.join('')).toContain(`  warning: ${DOUBT}`);
    const named = { repository: rig.place, data: undefined, topic: other, allowHoles: false };
    const found = await findState({ ...named, to: { kind: 'safe' } }, Date.now());
    expect((await describeSources(found)).topic).toMatchObject({ insteadOf: ['fake'] });
    const later = { kind: 'at', ms: START + 3_600_000 } as const;
    await expect(findState({ ...named, to: later }, Date.now())).rejects.toMatchObject({
      code: 'TIME_UNREACHABLE',
      hint: expect.stringContaining(DOUBT) as string,
    });
  });

  test('is not so where the proxies were moved to it, or nothing is archived yet', async () => {
    await using rig = await archived();
    const moved = { ...topicOf(OWN, STRANGE).log(), topic: 'other' };
    expect(await told(rig, moved)).toBeNull();
    await using fresh = await ArchiveRig.create();
    expect(await told(fresh, topicOf(STRANGE).log())).toBeNull();
  });
});

/** A repository that has a lane by the topic `fake`. */
async function archived(): Promise<ArchiveRig> {
  const rig = await ArchiveRig.create();
  await archive(rig, topicOf(OWN), (coverage) => holds(coverage, OWN, lengthOf(OWN)));
  return rig;
}

function topicOf(...lanes: readonly (typeof OWN)[]): FakeTopic {
  const topic = new FakeTopic(1);
  for (const lane of lanes) topic.send(lane, 1, lengthOf(lane));
  return topic;
}

async function told(rig: ArchiveRig, log: TopicLog): Promise<readonly string[] | null> {
  const found = await findHistory(await sourcesOf(rig, log), { now: Date.now() });
  return otherTopics(found.archived, present(found.topic));
}
