import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Message } from 'kafkajs';
import { beforeAll, expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { COMPRESSION_TYPES } from '../../src/kafka/codecs.ts';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { encodeMessage } from '../../src/kafka/topic-frame.ts';
import { expectRecords } from '../archive/archive-content.ts';
import { ArchiveRig } from '../archive/archive-rig.ts';
import { bodyOf, type MadeLane, madeLane } from '../archive/fake-topic.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { connectTo, deleteTopic, makeTopic, randomTopic } from '../kit/topic.ts';
import { ArchiveMember, notArchived } from './kit/archive-member.ts';

const PARTITIONS = 3;
const PROXIES = 3;
const START_MS = Date.now() - 600_000;

const CHAOS = ['SIGKILL', 'SIGSTOP', 'SIGTERM', 'SIGSTOP', 'SIGKILL'] as const;

describeOnStack('archivers that share a topic', (offered) => {
  let brokers: string;

  beforeAll(async () => {
    brokers = (await (await offered()).kafka()).address;
  });

  test(
    'write it record by record, though they are killed, stopped and go on',
    { timeout: 180_000 },
    async () => {
      await using rig = await ArchiveRig.create();
      const topic = randomTopic();
      await using sender = await Sender.open(brokers, topic);
      const members = ['a', 'b'].map((name) => new ArchiveMember(rig, { brokers, topic, name }));
      try {
        for (const member of members) member.start();
        const lanes = Array.from({ length: PROXIES }, (_, proxy) => lanesOf(`proxy-${proxy}`));
        for (const [round, signal] of CHAOS.entries()) {
          for (const own of lanes) await sender.sendPart(own, round, CHAOS.length);
          await members[round % 2]?.disturb(signal);
        }
        const records = recordsOf(lanes.flat());
        await expect
          .poll(() => notArchived(rig, records), { timeout: 120_000, interval: 500 })
          .toEqual([]);
        await expectRecords(rig, records);
        const { holes, conflicts } = computeCoverage(await readCatalog(rig.repository.store));
        expect({ holes, conflicts }).toEqual({ holes: [], conflicts: [] });
      } finally {
        for (const member of members) await member.kill();
      }
    },
  );

  test('write it, though one of them was given another topic', { timeout: 150_000 }, async () => {
    await using rig = await ArchiveRig.create();
    const [topic, mistaken] = [randomTopic(), randomTopic()];
    await using sender = await Sender.open(brokers, topic);
    await using other = await Sender.open(brokers, mistaken);
    const one = new ArchiveMember(rig, { brokers, topic: mistaken, name: 'mistaken' });
    const member = new ArchiveMember(rig, { brokers, topic, name: 'right' });
    const [foreign, own] = [lanesOf('foreign'), lanesOf('own')];
    const patience = { timeout: 60_000, interval: 250 };
    try {
      // Whoever was there first shares out.
      one.start();
      await other.sendPart(foreign, 0, 1);
      await expect.poll(() => notArchived(rig, recordsOf(foreign)), patience).toEqual([]);
      member.start();
      await sender.sendPart(own, 0, 1);
      await expect.poll(() => notArchived(rig, recordsOf(own)), patience).toEqual([]);
    } finally {
      for (const each of [one, member]) await each.kill();
    }
  });
});

function recordsOf(lanes: readonly MadeLane[]): ReadonlyMap<string, MadeLane['records']> {
  return new Map(lanes.map(({ lane, records }) => [lane, records]));
}

/** Two runs of one proxy, the first killed and the second ended in order. */
function lanesOf(host: string): MadeLane[] {
  const shape = { cut: 9, points: 200, startMs: START_MS };
  const first = madeLane(randomLane(), host, {
    ...shape,
    ordinal: 1,
    previous: undefined,
    isClosed: false,
  });
  const startMs = START_MS + 10_000;
  const ends = { ordinal: 2, previous: first, isClosed: true, startMs };
  return [first, madeLane(randomLane(), host, { ...shape, ...ends })];
}

function randomLane(): string {
  return randomBytes(8).toString('hex');
}

class Sender implements AsyncDisposable {
  readonly #topic: string;
  readonly #connection: KafkaConnection;
  readonly #sent = new Map<string, number>();

  private constructor(connection: KafkaConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
  }

  static async open(brokers: string, topic: string): Promise<Sender> {
    const connection = await connectTo(brokers);
    await makeTopic(connection, topic, PARTITIONS);
    return new Sender(connection, topic);
  }

  /** The next part of what a proxy's lanes hold, and some of it twice. */
  async sendPart(lanes: readonly MadeLane[], part: number, parts: number): Promise<void> {
    const messages: Message[] = [];
    const total = lanes.reduce((sum, { records }) => sum + records.length, 0);
    let left = Math.ceil(total / parts);
    for (const made of lanes) {
      const sent = this.#sent.get(made.lane) ?? 0;
      const lastSeq = Math.min(made.records.length, sent + left);
      left -= lastSeq - sent;
      if (lastSeq === sent) continue;
      // As after a crash between the sending and the note of it.
      const again = part % 2 === 0 ? sent : Math.max(0, sent - 5);
      for (let from = again; from < lastSeq; from += 7) {
        messages.push(messageOf(made, from + 1, Math.min(from + 7, lastSeq)));
      }
      this.#sent.set(made.lane, lastSeq);
    }
    const producer = this.#connection.client({ retries: 5 }).kafka.producer();
    await producer.connect();
    await producer.send({ topic: this.#topic, messages, compression: COMPRESSION_TYPES.gzip });
    await producer.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await deleteTopic(this.#connection, this.#topic);
  }
}

function messageOf({ lane, ordinal, host, records }: MadeLane, firstSeq: number, lastSeq: number) {
  const own = records.slice(firstSeq - 1, lastSeq);
  const times = {
    firstReceivedAt: own[0]?.receivedAt ?? 0,
    lastReceivedAt: own.at(-1)?.receivedAt ?? 0,
  };
  const body = bodyOf(own);
  const fields = { lane, ordinal, host, firstSeq, lastSeq, mutations: own.length, body };
  const partition = crc32(lane) % PARTITIONS;
  return Object.assign(encodeMessage({ ...fields, ...times }, Date.now()), { partition });
}
