import { expect, test } from 'vitest';
import { judgeTopic } from '../../src/kafka/topic-check.ts';

const settings = {
  'cleanup.policy': 'delete',
  'max.message.bytes': '1048588',
  'min.insync.replicas': '2',
  'retention.ms': '604800000',
  'retention.bytes': '-1',
  'unclean.leader.election.enable': 'false',
};

const topic = { name: 'writes', broker: 'kafka-1:9092' };

const judge = (changes: Partial<typeof settings>, replicas = 3): readonly string[] =>
  judgeTopic({ partitions: 6, replicas, settings: { ...settings, ...changes } }, topic);

test('a topic that keeps what it takes is not complained of', () => {
  expect(judge({})).toEqual([]);
});

test.each([
  [{ 'cleanup.policy': 'compact' }, 'cleanup.policy=delete'],
  [{ 'max.message.bytes': '100000' }, 'max.message.bytes=1048588'],
  [{ 'min.insync.replicas': '4' }, 'min.insync.replicas=2'],
])('a topic with %j is refused, with what to run', (changes, setting) => {
  expect(() => judge(changes)).toThrow(
    expect.objectContaining({
      code: 'TOPIC_UNUSABLE',
      hint: `Run kafka-configs.sh --bootstrap-server kafka-1:9092 --alter --entity-type topics --entity-name writes --add-config ${setting}`,
    }),
  );
});

test('what may cost data one day is said', () => {
  expect(judge({ 'min.insync.replicas': '1' }, 1)).toHaveLength(1);
  expect(judge({ 'retention.bytes': '1000', 'retention.ms': '60000' })).toHaveLength(2);
  expect(judge({ 'unclean.leader.election.enable': 'true' })).toHaveLength(1);
  expect(judgeTopic({ partitions: 1, replicas: 1, settings: {} }, topic)).toHaveLength(1);
});
