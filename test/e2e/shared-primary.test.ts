import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Stack } from '../../scripts/stack/stack.ts';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { ProducerSession } from '../../src/kafka/producer-session.ts';
import { formatControl } from '../../src/record/control.ts';
import { receiveTimesOf } from '../../src/record/lane-frame.ts';
import { formatRecordHeader, readLines, readRecords } from '../../src/record/record.ts';
import type { SentFrame } from '../../src/record/topic-read.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { connectTo, makeTopic, randomTopic } from '../kit/topic.ts';
import { HttpCollector, TelnetCollector } from './kit/clients.ts';
import { instantOf, type Line, missingIn } from './kit/ledger.ts';
import { readTopic } from './kit/topic-content.ts';

const INSTANTS = 120;
/** Of different widths and types, so that they tie inside the TSD, too. */
const VALUES = ['1', '300', '1.5', '70000', '2', '301.25'];

describeOnStack('proxies that write to one primary', (offered) => {
  let stack: Stack;
  let connection: KafkaConnection;
  let brokers: string;
  const topic = randomTopic();

  beforeAll(async () => {
    stack = await offered();
    brokers = (await stack.kafka()).address;
    connection = await connectTo(brokers);
    await makeTopic(connection, topic, 2);
  });

  test('leave what was received last, though one was cut off from it and another was killed as it caught up', async () => {
    const tsd = await stack.opentsdb('shared', {
      settings: { 'tsd.storage.fix_duplicates': 'true' },
    });
    const started = [Lane.start(tsd.port), Lane.start(tsd.port), Lane.start(tsd.port)] as const;
    const [one, two, three] = await Promise.all(started);
    await using cutOff = one;
    await using killed = two;
    await using third = three;
    const pairs = [
      { lane: cutOff, metric: 'cut.off' },
      { lane: killed, metric: 'killed' },
    ];
    for (const { lane } of pairs) await lane.wire.set({ kind: 'refuse' });
    for (const { lane, metric } of pairs) {
      await lane.put('http', linesOf(metric, 0));
      await sleep(200);
      await third.put('telnet', linesOf(metric, 1));
      await sleep(200);
      // The earlier one is the later one here.
      await lane.put('telnet', linesOf(metric, 2).slice(INSTANTS / 2));
    }
    // In one millisecond, after what another put.
    await third.put('http', linesOf('at.once', 0));
    await sleep(200);
    await cutOff.put('http', [...linesOf('at.once', 1), ...linesOf('at.once', 2)]);
    await sleep(1_500);
    await cutOff.wire.set({ kind: 'pass' });
    // Killed when what it sends has arrived, before it hears of it.
    await killed.wire.set({ kind: 'delay', answerMs: 700 });
    const { traffic } = killed.wire;
    const before = traffic.requestBytes;
    const arrived = (): number => traffic.requestBytes - before;
    await expect.poll(arrived, { timeout: 30_000, interval: 20 }).toBeGreaterThan(3_000);
    await sleep(100);
    await killed.proxy.kill9();
    await killed.wire.set({ kind: 'pass' });
    await killed.proxy.start();
    await Promise.all([cutOff.untilPassed(), killed.untilPassed(), third.untilPassed()]);
    const last = await foldTopic();
    expect(last.filter((line) => line.startsWith('put killed '))).toHaveLength(INSTANTS);
    expect(last.filter((line) => line.startsWith('put cut.off '))).toHaveLength(INSTANTS);
    expect(last.filter((line) => line.startsWith('put at.once '))).toHaveLength(INSTANTS);
    expect(await missingIn(tsd.url, last)).toEqual([]);
    await tsd.kill9();
  });

  test('know by each other’s messages when a clock is off: that proxy is not ready, and says why', async () => {
    const own = randomTopic();
    await makeTopic(connection, own, 1);
    const flags = ['--kafka', brokers, '--topic', own, '--archive', 'off'];
    await using proxy = await ProxyProcess.start({ primary: 'http://127.0.0.1:9', flags });
    const session = await ProducerSession.open(connection, own);
    let seq = 0;
    /** Another proxy, whose clock is so far behind, says that it is there. */
    const tick = async (behindMs: number): Promise<number> => {
      seq += 1;
      await session.send(tickOf(seq), 0, Date.now() - behindMs);
      const answer = await fetch(`${proxy.adminUrl}/ready`);
      await answer.body?.cancel();
      return answer.status;
    };
    await expect.poll(() => tick(400), { timeout: 30_000, interval: 80 }).toBe(503);
    const health = await (await fetch(`${proxy.adminUrl}/health`)).text();
    expect(health).toMatch(
      /this clock is 4\d\d ms ahead of that of the proxy on elsewhere.*chronyc/,
    );
    session.close();
  });

  /** The last line of each instant, by receive time, lane and place in it. */
  async function foldTopic(): Promise<Line[]> {
    const last = new Map<string, { readonly order: string; readonly line: Line }>();
    for (const { lane, body } of await readTopic(connection, topic)) {
      for (const record of readRecords(body)) {
        if (record.transport === 'log') continue;
        const order = `${record.receivedAt} ${lane} ${String(record.seq).padStart(9, '0')}`;
        for (const line of readLines(body, record)) {
          const before = last.get(instantOf(line));
          if (before === undefined || before.order <= order)
            last.set(instantOf(line), { order, line });
        }
      }
    }
    return [...last.values()].map(({ line }) => line);
  }

  class Lane implements AsyncDisposable {
    readonly wire: TcpProxy;
    readonly proxy: ProxyProcess;

    private constructor(wire: TcpProxy, proxy: ProxyProcess) {
      this.wire = wire;
      this.proxy = proxy;
    }

    static async start(port: number): Promise<Lane> {
      const wire = await TcpProxy.start(port);
      const kafka = ['--kafka', brokers, '--topic', topic, '--archive', 'off'];
      const flags = [...kafka, '--delivery-ack-timeout', '1s', '--delivery-heal-window', '1s'];
      return new Lane(wire, await ProxyProcess.start({ primary: wire.url, flags, until: 'live' }));
    }

    async put(transport: 'http' | 'telnet', lines: readonly Line[]): Promise<void> {
      const { port } = this.proxy;
      const collector = transport === 'http' ? new HttpCollector(port) : new TelnetCollector(port);
      const error = await collector.put(lines);
      collector.close();
      if (error !== undefined) throw new Error(error);
    }

    /** Resolves once its cursor has passed all that its log has now. */
    async untilPassed(): Promise<void> {
      const { log } = await this.proxy.status();
      const [lane, seq] = log.durable.split('/');
      await this.proxy.until(({ primary: { confirmed } }) => {
        const [at, passed] = (confirmed ?? '').split('/');
        return at === lane && Number(passed) >= Number(seq);
      });
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await this.proxy[Symbol.asyncDispose]();
      await this.wire[Symbol.asyncDispose]();
    }
  }
});

function tickOf(seq: number): SentFrame {
  const receivedAt = Date.now();
  const head = formatRecordHeader({ seq, receivedAt, transport: 'log', source: '-' });
  const body = Buffer.from(`${head}${formatControl({ kind: 'tick', confirmed: null })}\n`);
  // The least lane there is: of two proxies that disagree, the other one is to be put right.
  const frame = { lane: '0000000000000000', ordinal: 1, firstSeq: seq, lastSeq: seq, body };
  return { ...frame, ...receiveTimesOf(body), host: 'elsewhere', mutations: 0 };
}

function linesOf(metric: string, version: number): Line[] {
  const baseSeconds = Math.floor(Date.now() / 3_600_000) * 3_600;
  return Array.from({ length: INSTANTS }, (_, n) => {
    const value = VALUES[(n + version * (1 + (n % 2))) % VALUES.length] ?? '1';
    return `put ${metric} ${baseSeconds + n} ${value} h=a`;
  });
}
