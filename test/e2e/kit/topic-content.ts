import { expect } from 'vitest';
import { BoundedTopic } from '../../../src/kafka/bounded-topic.ts';
import type { KafkaConnection } from '../../../src/kafka/connection.ts';
import { readLines, readRecords } from '../../../src/record/record.ts';
import type { TopicFrame } from '../../../src/record/topic-read.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { PlainRecord } from '../../kit/plain-rows.ts';

/** All frames that are there now; none is foreign. */
export async function readTopic(connection: KafkaConnection, topic: string): Promise<TopicFrame[]> {
  const frames: TopicFrame[] = [];
  const source = new BoundedTopic({ connection, topic, clock: systemClock, hint: '' });
  for await (const read of source.readAll(new AbortController().signal)) {
    if (read.kind !== 'frame') throw new Error(`the topic has ${JSON.stringify(read)}`);
    frames.push(read.frame);
  }
  return frames;
}

/** Drops repeats; each lane is in one partition, in order, and whole from its first record on. */
export function wholeLanes(frames: readonly TopicFrame[]): Map<string, PlainRecord[]> {
  const partitions = new Map<string, number>();
  const lanes = new Map<string, PlainRecord[]>();
  for (const { lane, partition, body } of frames) {
    expect(partition).toBe(partitions.get(lane) ?? partition);
    partitions.set(lane, partition);
    const records = lanes.get(lane) ?? [];
    lanes.set(lane, records);
    for (const record of readRecords(body)) {
      if (record.seq <= records.length) continue;
      expect(record.seq).toBe(records.length + 1);
      const { seq, receivedAt, transport, source } = record;
      records.push({ seq, receivedAt, transport, source, lines: [...readLines(body, record)] });
    }
  }
  return lanes;
}

/** The values of all points. */
export function valuesOf(frames: readonly TopicFrame[]): Set<number> {
  return new Set(putsOf(wholeLanes(frames)).map((line) => Number(line.split(' ')[3])));
}

/** The points of lanes, as their lines. */
export function putsOf(lanes: ReadonlyMap<string, readonly PlainRecord[]>): string[] {
  return [...lanes.values()].flatMap((records) =>
    records.flatMap(({ lines }) => lines.filter((line) => line.startsWith('put '))),
  );
}
