import type { TopicMember } from '../../src/archive/topic/topic-member.ts';
import type { OffsetSpan, TopicLog } from '../../src/archive/topic/topic-log.ts';
import type { TopicEvent, TopicFrame, TopicRead } from '../../src/record/topic-read.ts';
import { formatControl } from '../../src/record/control.ts';
import { formatRecordHeader } from '../../src/record/record.ts';
import type { PlainRecord } from '../kit/plain-rows.ts';

/** What one run of a proxy wrote. */
export interface MadeLane {
  readonly lane: string;
  readonly ordinal: number;
  readonly host: string;
  readonly records: readonly PlainRecord[];
}

export interface LaneShape {
  readonly ordinal: number;
  readonly previous: MadeLane | undefined;
  readonly points: number;
  readonly cut: number;
  readonly isClosed: boolean;
  /** Epoch ms. */
  readonly startMs: number;
}

export function madeLane(lane: string, host: string, shape: LaneShape): MadeLane {
  const { ordinal, previous, points, cut, isClosed, startMs } = shape;
  const texts: (readonly [string, string])[] = [
    [
      'log',
      formatControl({
        kind: 'open',
        version: '0',
        previous: previous ? { lane: previous.lane, lastSeq: previous.records.length } : null,
        reason: 'start',
        holes: [],
      }),
    ],
  ];
  for (let n = 1; n <= points; n += 1) {
    texts.push(['http', `put m ${1_700_000_000 + n} ${n} lane=${lane}`]);
    if (n % cut === 0) texts.push(['log', formatControl({ kind: 'cut' })]);
  }
  if (isClosed) texts.push(['log', formatControl({ kind: 'close' })]);
  const records = texts.map(([transport, line], index) => ({
    seq: index + 1,
    receivedAt: startMs + index,
    transport,
    source: transport === 'log' ? '-' : '10.0.0.1:4242',
    lines: [line],
  }));
  return { lane, ordinal, host, records };
}

/** A topic in memory, with the members of one group. */
export class FakeTopic {
  readonly topic = 'fake';
  readonly partitions: { low: number; readonly frames: (TopicFrame | 'foreign')[] }[];
  readonly settled = new Map<number, number>();

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => ({ low: 0, frames: [] }));
  }

  partitionOf(lane: string): number {
    return Number.parseInt(lane.slice(0, 4), 16) % this.partitions.length;
  }

  /** Records of a lane as one message. */
  send(
    { lane, ordinal, host, records }: MadeLane,
    firstSeq: number,
    lastSeq: number,
    to?: number,
  ): void {
    const own = records.filter(({ seq }) => seq >= firstSeq && seq <= lastSeq);
    const partition = to ?? this.partitionOf(lane);
    const { frames } = this.#partition(partition);
    frames.push({
      partition,
      offset: frames.length,
      lane,
      ordinal,
      host,
      firstSeq,
      lastSeq,
      firstReceivedAt: own[0]?.receivedAt ?? 0,
      lastReceivedAt: own.at(-1)?.receivedAt ?? 0,
      mutations: own.filter(({ transport }) => transport !== 'log').length,
      body: bodyOf(own),
    });
  }

  /** As what it holds now; `onRead` is called before a span is read. */
  log(onRead: () => void = () => undefined): TopicLog {
    return {
      topic: this.topic,
      brokers: ['memory:0'],
      ranges: () =>
        Promise.resolve(new Map([...this.partitions.keys()].map((n) => [n, this.range(n)]))),
      offsetsSince: (times) =>
        Promise.resolve(new Map([...times].map(([n, ms]) => [n, this.offsetAt(n, ms)]))),
      partitionOf: (lane) => this.partitionOf(lane),
      read: (partition, span) => this.#read(partition, span, onRead),
    };
  }

  async *#read(
    partition: number,
    { from, to }: OffsetSpan,
    onRead: () => void,
  ): AsyncGenerator<TopicRead> {
    await Promise.resolve();
    onRead();
    for (let offset = from; offset < to; offset += 1) {
      const { low } = this.range(partition);
      if (offset < low) {
        yield { kind: 'lost', partition, from: offset, to: low };
        offset = low - 1;
        continue;
      }
      const frame = this.at(partition, offset);
      if (frame === 'foreign') yield { kind: 'foreign', partition, offset, reason: 'none of ours' };
      else if (frame !== undefined) yield { kind: 'frame', frame };
    }
  }

  member(): FakeMember {
    return new FakeMember(this);
  }

  at(partition: number, offset: number): TopicFrame | 'foreign' | undefined {
    return this.#partition(partition).frames[offset];
  }

  range(partition: number): { low: number; high: number } {
    const { low, frames } = this.#partition(partition);
    return { low, high: frames.length };
  }

  offsetAt(partition: number, ms: number): number {
    const { low, high } = this.range(partition);
    for (let offset = low; offset < high; offset += 1) {
      const frame = this.at(partition, offset);
      if (frame !== undefined && frame !== 'foreign' && frame.lastReceivedAt >= ms) return offset;
    }
    return high;
  }

  #partition(partition: number) {
    const found = this.partitions[partition];
    if (found === undefined) throw new Error(`no partition ${partition}`);
    return found;
  }
}

/** One member; `assign` is what the group tells it, late if it likes. */
export class FakeMember implements TopicMember {
  readonly topic: string;
  readonly #topic: FakeTopic;
  readonly #positions = new Map<number, number>();
  #told: readonly number[] | undefined;

  constructor(topic: FakeTopic) {
    this.#topic = topic;
    this.topic = topic.topic;
  }

  assign(partitions: readonly number[]): void {
    this.#told = partitions;
  }

  async next(_waitMs: number, signal: AbortSignal): Promise<TopicEvent | undefined> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (signal.aborted) return undefined;
    if (this.#told !== undefined) {
      const partitions = this.#told;
      this.#told = undefined;
      this.#positions.clear();
      return { kind: 'assigned', partitions };
    }
    for (const [partition, offset] of this.#positions) {
      const { low } = this.#topic.range(partition);
      if (offset < low) {
        this.#positions.set(partition, low);
        return { kind: 'lost', partition, from: offset, to: low };
      }
      const frame = this.#topic.at(partition, offset);
      if (frame === undefined) continue;
      // After the others, so that all come by turns.
      this.#positions.delete(partition);
      this.#positions.set(partition, offset + 1);
      if (frame !== 'foreign') return { kind: 'frame', frame };
      return { kind: 'foreign', partition, offset, reason: 'it is none of ours' };
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    return undefined;
  }

  begin(partition: number, offset: number): void {
    this.#positions.set(partition, offset);
  }

  settled(partition: number): Promise<number | undefined> {
    return Promise.resolve(this.#topic.settled.get(partition));
  }

  range(partition: number): Promise<{ low: number; high: number }> {
    return Promise.resolve(this.#topic.range(partition));
  }

  offsetAt(partition: number, ms: number): Promise<number> {
    return Promise.resolve(this.#topic.offsetAt(partition, ms));
  }

  partitionOf(lane: string): number {
    return this.#topic.partitionOf(lane);
  }

  settle(offsets: ReadonlyMap<number, number>): Promise<void> {
    for (const [partition, offset] of offsets) this.#topic.settled.set(partition, offset);
    return Promise.resolve();
  }

  async *survey(): AsyncGenerator<TopicFrame> {
    for (const { low, frames } of this.#topic.partitions) {
      for (const frame of frames.slice(low)) {
        await Promise.resolve();
        if (frame !== 'foreign') yield frame;
      }
    }
  }
}

export function bodyOf(records: readonly PlainRecord[]): Buffer {
  const texts = records.map(({ seq, receivedAt, transport, source, lines }) => {
    const header = { seq, receivedAt, transport: transport as 'http', source };
    return `${formatRecordHeader(header)}${lines.join('\n')}\n`;
  });
  return Buffer.from(texts.join(''));
}
