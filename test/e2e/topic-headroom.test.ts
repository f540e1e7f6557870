import { beforeAll, expect, test } from 'vitest';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { RetentionWatch, type TopicHeadroom } from '../../src/kafka/retention-watch.ts';
import { encodeMessage } from '../../src/kafka/topic-frame.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ArchiveRig } from '../archive/archive-rig.ts';
import { bodyOf, type MadeLane, madeLane } from '../archive/fake-topic.ts';
import { freePort } from '../kit/ports.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { asAdmin, connectTo, deleteTopic, randomTopic } from '../kit/topic.ts';
import { ArchiveMember, notArchived } from './kit/archive-member.ts';

const MINUTE_MS = 60_000;
const RETENTION_MS = 10 * MINUTE_MS;
const AGE_MS = 9 * MINUTE_MS;

describeOnStack('the headroom of a topic', (offered) => {
  let connection: KafkaConnection;
  let brokers: string;

  beforeAll(async () => {
    brokers = (await (await offered()).kafka()).address;
    connection = await connectTo(brokers);
  });

  test('is told before Kafka drops what is not archived, and an archiver that catches up has all of it', async () => {
    const { topic, lane, records } = await makeOld();
    const look = (archived: ReadonlyMap<number, number>): Promise<TopicHeadroom> =>
      new RetentionWatch({
        connection,
        topic,
        clock: systemClock,
        archived: () => archived,
        told: () => undefined,
      }).look();
    const behind = await look(
      new Map([
        [0, 0],
        [1, 0],
      ]),
    );
    expect(behind).toMatchObject({ kind: 'known', partition: 1, retentionMs: RETENTION_MS });
    const { ms } = behind as TopicHeadroom & { kind: 'known' };
    expect(ms).toBeGreaterThan(RETENTION_MS - AGE_MS - 20_000);
    expect(ms).toBeLessThanOrEqual(RETENTION_MS - AGE_MS);
    expect(await look(new Map([[1, 1]]))).toMatchObject({ ms: RETENTION_MS, partition: 1 });
    expect(await look(new Map())).toMatchObject({ ms: RETENTION_MS, partition: null });

    await using rig = await ArchiveRig.create();
    const admin = `127.0.0.1:${await freePort()}`;
    const flags = ['--admin', admin];
    const member = new ArchiveMember(rig, { brokers, topic, name: 'a', flags });
    member.start();
    try {
      const headroom = async (): Promise<number> => {
        const answer = await fetch(`http://${admin}/metrics`).catch(() => undefined);
        const text = (await answer?.text()) ?? '';
        return Number(/^tsdb_wal_topic_headroom_seconds (\S+)$/m.exec(text)?.[1]);
      };
      await expect.poll(headroom).toBeGreaterThan(0);
      const lacking = () => notArchived(rig, new Map([[lane, records]]));
      await expect.poll(lacking).toEqual([]);
      const health = (await (await fetch(`http://${admin}/health`)).json()) as object;
      expect(health).toMatchObject({ ok: true });
    } finally {
      await member.kill();
      await deleteTopic(connection, topic);
    }
  });

  /** Two partitions, in the second one a message that Kafka drops in a minute. */
  async function makeOld(): Promise<MadeLane & { readonly topic: string }> {
    const topic = randomTopic();
    const configEntries = [{ name: 'retention.ms', value: String(RETENTION_MS) }];
    await asAdmin(connection, (one) =>
      one.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions: 2, replicationFactor: 1, configEntries }],
      }),
    );
    const startMs = Date.now() - AGE_MS;
    const shape = { ordinal: 1, previous: undefined, points: 3, cut: 2, isClosed: true, startMs };
    const made = madeLane('00000000000000a1', 'h', shape);
    const { lane, ordinal, host, records } = made;
    const frame = {
      lane,
      ordinal,
      host,
      firstSeq: 1,
      lastSeq: records.length,
      mutations: records.length,
      firstReceivedAt: startMs,
      lastReceivedAt: startMs + records.length - 1,
      body: bodyOf(records),
    };
    const producer = connection.client({ retries: 5 }).kafka.producer();
    await producer.connect();
    const message = Object.assign(encodeMessage(frame, Date.now()), { partition: 1 });
    await producer.send({ topic, messages: [message] });
    await producer.disconnect();
    return { ...made, topic };
  }
});
