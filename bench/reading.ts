import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/kit/ports.ts';
import { BenchTopic } from './bench-topic.ts';
import { delivered, generate, nullSink, settle, subjectOf } from './measure.ts';
import type { Sample } from './measure.ts';
import { BenchError, startProxy, startSink, startStandby } from './processes.ts';
import type { Tools } from './processes.ts';
import { cpuSeconds, memory } from './procfs.ts';
import { FILLING, READING } from './shapes.ts';

/**
 * How fast a topic is read: one is filled through a proxy, then `standby` brings it from its beginning to a null sink. What
 * counts is the time from the first point that arrives to the last: a start takes its second however much there is to read.
 */
const FILL_SECONDS_MIN = 8;
const POLL_MS = 5;
const PATIENCE = { deliveryMsMax: 120_000, stallMsMax: 10_000 } as const;
const START_MS_MAX = 30_000;
const MILLION = 1_000_000;

interface ReadingOptions {
  readonly tools: Tools;
  readonly folder: string;
  readonly main: string;
  readonly broker: string;
  readonly round: number;
  readonly seconds: number;
}

export async function measureReading(options: ReadingOptions): Promise<Sample> {
  const topic = await BenchTopic.claim(options.broker);
  try {
    const kafka = { brokers: options.broker, topic: topic.name };
    const acknowledged = await fill(options, kafka);
    return await read(options, { ...kafka, brokerPid: topic.brokerPid, acknowledged });
  } finally {
    await topic.stop();
  }
}

interface Kafka {
  readonly brokers: string;
  readonly topic: string;
}

interface Filled extends Kafka {
  readonly brokerPid: number | undefined;
  readonly acknowledged: number;
}

/** Points that are in the topic then: a proxy that stops brings the rest of its log there. */
async function fill(options: ReadingOptions, kafka: Kafka): Promise<number> {
  const { tools, folder, main } = options;
  const sink = await startSink({ tools, folder, port: await freePort() });
  try {
    const target = sink.address.http;
    const proxy = await startProxy({ folder, target, main, kafka });
    try {
      const subject = subjectOf('tsdb-wal+kafka', proxy);
      const seconds = Math.max(FILL_SECONDS_MIN, 2 * options.seconds);
      const { acked } = await generate({ tools, shape: FILLING, subject, seconds, hosts: 'web' });
      await settle(nullSink(target));
      return acked;
    } finally {
      await proxy.stop();
    }
  } finally {
    await sink.stop();
  }
}

async function read(options: ReadingOptions, filled: Filled): Promise<Sample> {
  const { tools, folder } = options;
  const sink = await startSink({ tools, folder, port: await freePort() });
  try {
    return await readInto(sink.address.http, options, filled);
  } finally {
    await sink.stop();
  }
}

/** `target`: the address of a null sink. */
async function readInto(target: string, options: ReadingOptions, filled: Filled): Promise<Sample> {
  const { folder, main, round } = options;
  const { brokerPid, acknowledged } = filled;
  const brokerCpu = (): number => (brokerPid === undefined ? 0 : cpuSeconds(brokerPid));
  const brokerBefore = brokerCpu();
  const far = nullSink(target);
  const standby = await startStandby({ folder, target, main, kafka: filled });
  try {
    const first = await firstArrival(() => far.count());
    const { count, waitedMs } = await delivered(far, 0, acknowledged, PATIENCE);
    const millions = acknowledged / MILLION;
    return {
      round,
      shape: READING,
      subject: 'standby',
      pointsPerSecond: (count - first) / (waitedMs / 1_000),
      acknowledged,
      delivered: count,
      p50Ms: 0,
      p99Ms: 0,
      cpuSecondsPerMillion: cpuSeconds(standby.pid) / millions,
      ...(brokerPid !== undefined && {
        brokerCpuSecondsPerMillion: (brokerCpu() - brokerBefore) / millions,
      }),
      rssPeakMiB: memory(standby.pid).peakMiB,
      ...(count < acknowledged && {
        fault: `${acknowledged} points in the topic, ${count} arrived`,
      }),
    };
  } finally {
    await standby.stop();
  }
}

/** What had arrived when something first had. */
async function firstArrival(count: () => Promise<number>): Promise<number> {
  const until = performance.now() + START_MS_MAX;
  while (performance.now() < until) {
    const arrived = await count();
    if (arrived > 0) return arrived;
    await sleep(POLL_MS);
  }
  throw new BenchError('bench: nothing of the topic arrives');
}
