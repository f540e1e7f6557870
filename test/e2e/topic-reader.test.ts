import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Message } from 'kafkajs';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { BoundedTopic } from '../../src/kafka/bounded-topic.ts';
import { COMPRESSION_TYPES } from '../../src/kafka/codecs.ts';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { encodeMessage } from '../../src/kafka/topic-frame.ts';
import { TopicReader } from '../../src/kafka/topic-reader.ts';
import { explainMissing } from '../../src/kafka/topic-check.ts';
import { TopicPartitions } from '../../src/kafka/topic-partitions.ts';
import { Topic } from '../../src/kafka/topic.ts';
import { formatRecordHeader } from '../../src/record/record.ts';
import type { TopicRead } from '../../src/record/topic-read.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { tempDirectory } from '../kit/temp.ts';
import { until } from '../kit/until.ts';
import { asAdmin, connectTo, deleteTopic, makeTopic, randomTopic } from '../kit/topic.ts';

const PYTHON = whyNoPython();
const LANE = 'aaaaaaaaaaaaaaaa';
const START_MS = 1_700_000_000_000;

describeOnStack('a reader of a topic', (offered) => {
  let connection: KafkaConnection;
  const readers: TopicReader[] = [];

  beforeAll(async () => {
    connection = await connectTo((await (await offered()).kafka()).address);
  });

  afterEach(async () => {
    await Promise.all(readers.splice(0).map((reader) => reader.close()));
  });

  test('gives each partition in its order, and again from where it is told to', async () => {
    const topic = await newTopic(3);
    for (const partition of [0, 1, 2]) await send(topic, partition, 1, 50);
    const reader = read(topic);
    const first = await take(reader, 150);
    for (const partition of [0, 1, 2]) expect(seqsOf(first, partition)).toEqual(upTo(1, 50));
    expect(reader.positions).toEqual(new Map([0, 1, 2].map((partition) => [partition, 50])));
    reader.seek(new Map([[1, 20]]));
    await send(topic, 0, 51, 1);
    const again = await take(reader, 31);
    expect(seqsOf(again, 1)).toEqual(upTo(21, 30));
    expect(seqsOf(again, 0)).toEqual([51]);
  });

  test('holds no more than it was allowed to, and gives all in the end', async () => {
    const topic = await newTopic(1);
    await send(topic, 0, 1, 500);
    const reader = read(topic, { aheadBytesMax: 1_000, from: new Map([[0, 100]]) });
    expect(seqsOf(await take(reader, 400), 0)).toEqual(upTo(101, 400));
  });

  test('leaves nothing behind when it has waited for room', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on('warning', note);
    const topic = await newTopic(1);
    const reader = read(topic, { aheadBytesMax: 1 });
    for (const seq of upTo(1, 15)) {
      await send(topic, 0, seq, 1);
      await expect.poll(() => reader.ends.get(0), { interval: 10 }).toBe(seq);
      expect(seqsOf(await take(reader, 1), 0)).toEqual([seq]);
    }
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  test('reads a span to its end, and ends with a word where the topic is shorter by then', async () => {
    const topic = await newTopic(1);
    await send(topic, 0, 1, 10);
    const hint = 'look at it';
    const bounded = new BoundedTopic({ connection, topic, clock: systemClock, hint });
    const spanned = async (from: number, to: number): Promise<TopicRead[]> => {
      const reads: TopicRead[] = [];
      const { signal } = new AbortController();
      for await (const one of bounded.read(0, { from, to }, signal)) reads.push(one);
      return reads;
    };
    expect(await bounded.ranges()).toEqual(new Map([[0, { low: 0, high: 10 }]]));
    expect(seqsOf(await spanned(2, 7), 0)).toEqual(upTo(3, 5));
    const reads = await spanned(5, 30);
    expect(seqsOf(reads.slice(0, -1), 0)).toEqual(upTo(6, 5));
    expect(reads.at(-1)).toEqual({ kind: 'lost', partition: 0, from: 10, to: 0 });
    const none = new BoundedTopic({ connection, topic: randomTopic(), clock: systemClock, hint });
    await expect(none.ranges()).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
      hint: expect.stringMatching(/^kafka-topics.sh .* --list .* look at it$/) as string,
    });
  });

  test('says with which command a topic is made that is to be followed, and is missing', async () => {
    const name = randomTopic();
    const wish = { name, create: true, partitions: 6, replication: 3, retention: 3_600_000 };
    const followed = new TopicPartitions({
      connection,
      topic: name,
      clock: systemClock,
      explain: (error) => explainMissing(error, connection, wish),
    });
    // One broker can hold one copy.
    const create = `--create --topic ${name} --partitions 6 --replication-factor 1 `;
    await expect(followed.ranges()).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
      hint: expect.stringContaining(create) as string,
    });
  });

  test('reads all that there is, also where a transaction ends the topic', async () => {
    const topic = await newTopic(3);
    await send(topic, 0, 1, 10);
    await send(topic, 2, 11, 5);
    await transact(topic, { key: 'k', value: 'hello', partition: 0 });
    const bounded = new BoundedTopic({ connection, topic, clock: systemClock, hint: '' });
    // The broker writes the end of the transaction after it has answered.
    await until(async () => (await bounded.ranges()).get(0)?.high === 12);
    const reads: TopicRead[] = [];
    for await (const one of bounded.readAll(new AbortController().signal)) reads.push(one);
    expect(seqsOf(reads, 0)).toEqual(upTo(1, 10));
    expect(seqsOf(reads, 2)).toEqual(upTo(11, 5));
    expect(reads).toHaveLength(16);
  });

  test('tells what retention took, and goes on with what is there', async () => {
    const topic = await newTopic(1);
    await send(topic, 0, 1, 10);
    await asAdmin(connection, async (admin) => {
      // kafkajs knows no leader of the topic before that.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    });
    const [lost, ...rest] = await take(read(topic, { from: new Map([[0, 2]]) }), 5);
    expect(lost).toEqual({ kind: 'lost', partition: 0, from: 2, to: 6 });
    expect(seqsOf(rest, 0)).toEqual(upTo(7, 4));
  });

  test('tells when a topic is another one than before, and reads it from its beginning', async () => {
    const topic = await newTopic(1);
    await send(topic, 0, 1, 10);
    const reader = read(topic);
    await take(reader, 10);
    await deleteTopic(connection, topic);
    await makeTopic(connection, topic, 1);
    await send(topic, 0, 1, 3);
    const [lost, ...rest] = await take(reader, 4);
    expect(lost).toEqual({ kind: 'lost', partition: 0, from: 10, to: 0 });
    expect(seqsOf(rest, 0)).toEqual(upTo(1, 3));
  });

  test('passes over a message of others, and says so', async () => {
    const topic = await newTopic(1);
    await produce(topic, [{ key: 'k', value: 'hello', partition: 0 }]);
    await send(topic, 0, 1, 1);
    const [foreign, frame] = await take(read(topic), 2);
    expect(foreign).toMatchObject({ kind: 'foreign', partition: 0, offset: 0 });
    expect(frame?.kind).toBe('frame');
  });

  test('finds the place of a time in a topic', async () => {
    const topic = await newTopic(1);
    await send(topic, 0, 1, 10);
    const asked = new Topic(connection, topic, { keeps: true });
    expect(await asked.ranges()).toEqual(new Map([[0, { low: 0, high: 10 }]]));
    expect(await asked.offsetsAt(START_MS + 4)).toEqual(new Map([[0, 3]]));
    expect(await asked.offsetsAt(START_MS + 11)).toEqual(new Map([[0, 10]]));
    await send(topic, 0, 11, 1);
    expect(await asked.ranges()).toEqual(new Map([[0, { low: 0, high: 11 }]]));
    asked.close();
  });

  test.skipIf(PYTHON !== undefined)(
    `is ten lines of Python too, as docs/KAFKA.md has them${PYTHON ?? ''}`,
    async () => {
      await using folder = await tempDirectory();
      const page = await readFile('docs/KAFKA.md', 'utf8');
      const script = /```python\n(.*?)```/s.exec(page)?.[1] ?? '';
      await writeFile(join(folder.path, 'puts.py'), script);
      const topic = await newTopic(2);
      await produce(topic, [{ key: 'k', value: 'put of others', partition: 0 }]);
      await send(topic, 0, 1, 20);
      await send(topic, 0, 15, 10);
      const brokers = connection.options.brokers.join();
      const args = [join(folder.path, 'puts.py'), brokers, topic];
      const { stdout } = await promisify(execFile)('python3', args);
      expect(stdout).toBe(
        upTo(1, 24)
          .map((seq) => `put m ${seq} 1 a=b\n`)
          .join(''),
      );
    },
  );

  function read(
    topic: string,
    options: Partial<ConstructorParameters<typeof TopicReader>[0]> = {},
  ) {
    const reader = new TopicReader({ connection, topic, clock: systemClock, ...options });
    readers.push(reader);
    return reader;
  }

  async function newTopic(partitions: number): Promise<string> {
    const topic = randomTopic();
    await makeTopic(connection, topic, partitions);
    return topic;
  }

  /** One record a message, with the times START_MS + sequence. */
  async function send(topic: string, partition: number, first: number, count: number) {
    const messages = upTo(first, count).map((seq) => {
      const receivedAt = START_MS + seq;
      const head = formatRecordHeader({ seq, receivedAt, transport: 'http', source: '-' });
      const times = { firstReceivedAt: receivedAt, lastReceivedAt: receivedAt };
      const body = Buffer.from(`${head}put m ${seq} 1 a=b\n`);
      const records = { firstSeq: seq, lastSeq: seq, mutations: 1, body };
      const frame = { lane: LANE, ordinal: 1, host: 'h', ...records, ...times };
      return Object.assign(encodeMessage(frame, Date.now()), { partition });
    });
    await produce(topic, messages);
  }

  async function produce(topic: string, messages: Message[]) {
    const { kafka } = connection.client({ retries: 5 });
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({ topic, messages, compression: COMPRESSION_TYPES.gzip });
    await producer.disconnect();
  }

  async function transact(topic: string, message: Message) {
    const { kafka } = connection.client({ retries: 5 });
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [message] });
    await transaction.commit();
    await producer.disconnect();
  }
});

/** Undefined where the script of the docs can be run. */
function whyNoPython(): string | undefined {
  const { status } = spawnSync('python3', ['-c', 'import confluent_kafka']);
  if (status === 0) return undefined;
  return ' (skipped: there is no python3, or it has no confluent-kafka)';
}

async function take(reader: TopicReader, count: number): Promise<TopicRead[]> {
  const reads: TopicRead[] = [];
  while (reads.length < count) {
    const one = await reader.next();
    if (one === undefined) throw new Error('the reader ended');
    reads.push(one);
  }
  return reads;
}

function seqsOf(reads: readonly TopicRead[], partition: number): number[] {
  return reads.flatMap((one) =>
    one.kind === 'frame' && one.frame.partition === partition ? [one.frame.firstSeq] : [],
  );
}

function upTo(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
