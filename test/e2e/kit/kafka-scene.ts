import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Stack } from '../../../scripts/stack/stack.ts';
import type { KafkaConnection } from '../../../src/kafka/connection.ts';
import { TopicReader } from '../../../src/kafka/topic-reader.ts';
import type { TopicFrame, TopicRead } from '../../../src/record/topic-read.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ArchiveRig } from '../../archive/archive-rig.ts';
import { expectRecords } from '../../archive/archive-content.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { freePort } from '../../kit/ports.ts';
import { ProxyProcess } from '../../kit/proxy-process.ts';
import { TcpProxy } from '../../kit/tcp-proxy.ts';
import { connectTo, makeTopic, randomTopic } from '../../kit/topic.ts';
import { until } from '../../kit/until.ts';
import { ArchiveMember, notArchived } from './archive-member.ts';
import { Load, quantile } from './clients.ts';
import { residentMiB } from './gone.ts';
import { Ledger, type Line } from './ledger.ts';
import { tell } from './run.ts';
import { putsOf, readTopic, wholeLanes } from './topic-content.ts';

const PARTITIONS = 2;
const SOON_MS = 6_000;
const GROWTH_MIB_MAX = 80;
const TIMEOUTS = ['--kafka-request-timeout=3s', '--kafka-connection-timeout=1s'];
const FLAGS = ['--archive=off', '--wal-cut-interval=1s', '--kafka-ack-timeout=1s', ...TIMEOUTS];

/** What a fault did to those who use Kafka; times are ms, memory is MiB. */
export interface Suffered {
  /** The state of the proxy just before the fault ended. */
  readonly state: 'live' | 'behind' | 'down' | undefined;
  /** The longest that a client waited for an answer. */
  readonly answerMs: number;
  /** From the end of the fault until Kafka has all that the log has, and answers wait for it again. */
  readonly recoveryMs: number;
  /** The same until the reader has read what was acknowledged by then. */
  readonly readerMs: number;
  /** How much the proxy grew. */
  readonly growthMiB: number;
}

/**
 * A broker of its own that is reached through a wire that can fail, and all who use it: a proxy in front of an OpenTSDB in memory,
 * an archiver and a reader. Collectors write to the proxy all the time.
 */
export class KafkaScene implements AsyncDisposable {
  readonly parts: Parts;
  readonly #endings: readonly Ending[];

  private constructor(parts: Parts, endings: readonly Ending[]) {
    this.parts = parts;
    this.#endings = endings;
  }

  static async start(stack: Stack, name: string): Promise<KafkaScene> {
    const endings: Ending[] = [];
    try {
      return new KafkaScene(await startParts(stack, name, endings), endings);
    } catch (error) {
      await endAll(endings);
      throw error;
    }
  }

  /** Lets a fault come and go; `begin` resolves to what ends it. */
  async suffer(
    way: string,
    begin: () => Promise<() => Promise<unknown>>,
    ms: number,
  ): Promise<Suffered> {
    const { ledger, proxy, reader } = this.parts;
    // So that the memory has its usual size.
    await until(() => ledger.acknowledged.size > 2_000, '2,000 points');
    const before = await residentMiB(proxy.pid);
    const from = ledger.answerMs.length;
    const end = await begin();
    await sleep(ms);
    const state = (await proxy.status()).kafka?.state.kind;
    const during = await residentMiB(proxy.pid);
    await end();
    const endedMs = performance.now();
    const acknowledged = new Set(ledger.acknowledged);
    await this.untilLive();
    const recoveryMs = performance.now() - endedMs;
    await reader.untilRead(acknowledged);
    const readerMs = performance.now() - endedMs;
    const answerMs = ledger.answerMs.slice(from);
    const round = Math.round;
    tell(
      `${way}: ${answerMs.length} answers, p99 ${round(quantile(answerMs, 0.99))} ms, at most ${round(Math.max(...answerMs))} ms; ` +
        `again in ${round(recoveryMs)} ms, the reader in ${round(readerMs)} ms; ${round(before)} MiB before, ${round(during)} MiB during`,
    );
    const growthMiB = during - before;
    return { state, answerMs: Math.max(...answerMs), recoveryMs, readerMs, growthMiB };
  }

  /** Until Kafka has all there is, and answers wait for it. */
  async untilLive(): Promise<void> {
    await this.parts.proxy.until(({ kafka }) => kafka?.state.kind === 'live');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll(this.#endings);
  }
}

/** No collector saw an error, or waited for longer than that; all was there soon, and the proxy stayed small. */
export function expectFine({ parts }: KafkaScene, suffered: Suffered, answerMsMax: number): void {
  expect(parts.ledger.errors).toEqual(new Map());
  expect(suffered.answerMs).toBeLessThan(answerMsMax);
  expect(suffered.recoveryMs).toBeLessThan(SOON_MS);
  expect(suffered.readerMs).toBeLessThan(SOON_MS);
  expect(suffered.growthMiB).toBeLessThan(GROWTH_MIB_MAX);
}

/** Ends the load and the proxy; what clients, topic, reader and archive have is then the same. */
export async function expectAllThere(scene: KafkaScene): Promise<void> {
  const { load, ledger, proxy, member, rig, reader, connection, topic, tsd } = scene.parts;
  await load.stop();
  await scene.untilLive();
  // What was answered by the log alone, while the primary was late, is left to the next start by a proxy that ends.
  await until(() => tsd.points.length >= ledger.acknowledged.size, 'all is delivered');
  expect(await proxy.terminate()).toBe(0);
  const frames = await readTopic(connection, topic);
  const lanes = wholeLanes(frames);
  const puts = putsOf(lanes);
  const logged = new Set(puts);
  expect([...ledger.acknowledged].filter((line) => !logged.has(line))).toEqual([]);
  expect(puts.length).toBe(logged.size);
  expectInOrder(puts);
  await reader.untilRead(logged);
  expect(wholeLanes(reader.frames)).toEqual(lanes);
  expect(reader.strange).toEqual([]);
  await until(async () => (await notArchived(rig, lanes)).length === 0, 'all is archived');
  await expectRecords(rig, lanes);
  await member.kill();
  const records = [...lanes.values()].reduce((sum, own) => sum + own.length, 0);
  const sent = frames.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0);
  tell(
    `${puts.length} points in ${records} records; the topic has ${sent - records} of them twice`,
  );
}

/** Each client counts up. */
function expectInOrder(puts: readonly Line[]): void {
  const last = new Map<string, number>();
  for (const put of puts) {
    const [, metric = '', , value = '', tag = ''] = put.split(' ');
    const client = `${metric} ${tag}`;
    expect(Number(value)).toBeGreaterThan(last.get(client) ?? 0);
    last.set(client, Number(value));
  }
}

type Ending = () => Promise<unknown>;

async function endAll(endings: readonly Ending[]): Promise<void> {
  for (const end of endings.toReversed()) await end();
}

type Parts = Awaited<ReturnType<typeof startParts>>;

/** `endings` get what ends each that was started, also when a later one can't be. */
async function startParts(stack: Stack, name: string, endings: Ending[]) {
  const port = await freePort();
  const wire = await TcpProxy.start(port);
  endings.push(() => wire[Symbol.asyncDispose]());
  const direct = await freePort();
  const broker = await stack.ownKafka(name, {
    listeners: [
      { name: 'PLAINTEXT', port: direct },
      { name: 'WIRED', protocol: 'PLAINTEXT', port, advertisedPort: wire.port },
    ],
  });
  endings.push(() => broker.kill9());
  // Round the wire.
  const connection = await connectTo(`127.0.0.1:${direct}`);
  const topic = randomTopic();
  await makeTopic(connection, topic, PARTITIONS);
  const brokers = `127.0.0.1:${wire.port}`;
  const tsd = await FakeTsd.start();
  endings.push(() => tsd[Symbol.asyncDispose]());
  const flags = ['--kafka', brokers, '--topic', topic];
  const proxy = await ProxyProcess.start({
    primary: tsd.url,
    flags: [...flags, ...FLAGS],
    until: 'live',
  });
  endings.push(() => proxy[Symbol.asyncDispose]());
  const reader = new FollowingReader(await connectTo(brokers), topic);
  endings.push(() => reader.close());
  const rig = await ArchiveRig.create();
  endings.push(() => rig[Symbol.asyncDispose]());
  const archiver = { brokers, topic, name: 'a', flags: TIMEOUTS, isQuiet: true };
  const member = new ArchiveMember(rig, archiver);
  member.start();
  endings.push(() => member.kill());
  const ledger = new Ledger();
  const clients = { http: 2, telnet: 2, batch: 10, pauseMs: 50, again: false };
  const load = new Load({ port: proxy.port, ledger, metric: 'faults', ...clients });
  endings.push(() => load.stop());
  return { wire, broker, connection, topic, tsd, proxy, reader, rig, member, ledger, load };
}

/** Reads the topic from its beginning, for as long as the scene lasts. */
class FollowingReader {
  readonly frames: TopicFrame[] = [];
  /** What it was given besides. */
  readonly strange: TopicRead[] = [];
  readonly #puts = new Set<Line>();
  readonly #reader: TopicReader;
  readonly #running: Promise<void>;

  constructor(connection: KafkaConnection, topic: string) {
    this.#reader = new TopicReader({ connection, topic, clock: systemClock });
    this.#running = this.#run();
  }

  async untilRead(lines: ReadonlySet<Line>): Promise<void> {
    await until(() => [...lines].every((line) => this.#puts.has(line)), 'all is read');
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const read = await this.#reader.next();
      if (read === undefined) return;
      if (read.kind === 'frame') this.#take(read.frame);
      else this.strange.push(read);
    }
  }

  #take(frame: TopicFrame): void {
    this.frames.push(frame);
    for (const line of frame.body.toString('latin1').split('\n')) {
      if (line.startsWith('put ')) this.#puts.add(line);
    }
  }
}
