import type { LaneFrame } from '../../../src/record/lane-frame.ts';
import type { Term } from '../../../src/record/term.ts';
import type { TopicFrame, TopicRead } from '../../../src/record/topic-read.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import type { PartitionReads, SharedTopic } from '../../../src/standby/topic/shared-topic.ts';

/** Time that moves only when it is told to. */
export class StillClock implements Clock {
  #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    this.#nowMs += ms;
    return Promise.resolve();
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }
}

/** A topic in memory, whose brokers answer at once. */
export class FakeSharedTopic implements SharedTopic {
  readonly partitions: { low: number; readonly frames: TopicFrame[] }[];
  readonly #clock: Clock;
  /** Readings that were begun: partition and offset. */
  readonly begun: (readonly [number, number])[] = [];
  /** While it is set, nothing can be read. */
  hindrance: string | undefined;
  /** The same of single partitions. */
  readonly hindered = new Map<number, string>();

  constructor(partitions: number, clock: Clock) {
    this.#clock = clock;
    this.partitions = Array.from({ length: partitions }, () => ({ low: 0, frames: [] }));
  }

  /** `term`: what its sender says of its primary. */
  send(partition: number, frame: LaneFrame, term?: Term): void {
    const { frames } = this.#partition(partition);
    const mutations = frame.lastSeq - frame.firstSeq + 1;
    const sent = { partition, offset: frames.length, host: 'h', mutations, ...(term && { term }) };
    frames.push({ ...frame, ...sent });
  }

  ranges(): Promise<ReadonlyMap<number, { low: number; high: number }>> {
    const ranges = this.partitions.map(({ low, frames }) => ({ low, high: frames.length }));
    return Promise.resolve(new Map(ranges.entries()));
  }

  offsetsAt(ms: number): Promise<ReadonlyMap<number, number>> {
    const offsets = this.partitions.map(({ low, frames }) => {
      const at = frames.findIndex(
        ({ lastReceivedAt }, index) => index >= low && lastReceivedAt >= ms,
      );
      return at < 0 ? frames.length : at;
    });
    return Promise.resolve(new Map(offsets.entries()));
  }

  read(partition: number, offset: number): PartitionReads {
    this.begun.push([partition, offset]);
    return new FakeReads(this, this.#partition(partition), { partition, offset }, this.#clock);
  }

  #partition(partition: number) {
    const found = this.partitions[partition];
    if (found === undefined) throw new Error(`no partition ${partition}`);
    return found;
  }
}

class FakeReads implements PartitionReads {
  readonly #topic: FakeSharedTopic;
  readonly #content: { readonly low: number; readonly frames: readonly TopicFrame[] };
  readonly #partition: number;
  readonly #clock: Clock;
  #emptyAtMs: number | undefined;
  position: number;

  constructor(
    topic: FakeSharedTopic,
    content: { readonly low: number; readonly frames: readonly TopicFrame[] },
    { partition, offset }: { readonly partition: number; readonly offset: number },
    clock: Clock,
  ) {
    this.#topic = topic;
    this.#content = content;
    this.#partition = partition;
    this.#clock = clock;
    this.position = offset;
  }

  get hindrance(): string | undefined {
    return this.#topic.hindrance ?? this.#topic.hindered.get(this.#partition);
  }

  get behind(): number {
    return this.#content.frames.length - this.position;
  }

  get emptyAtMs(): number | undefined {
    // What comes meanwhile isn't known.
    if (this.hindrance !== undefined) return this.#emptyAtMs;
    this.#emptyAtMs = this.behind === 0 ? this.#clock.monotonicMs() : undefined;
    return this.#emptyAtMs;
  }

  poll(): TopicRead | undefined {
    if (this.hindrance !== undefined) return undefined;
    const { low, frames } = this.#content;
    const partition = this.#partition;
    if (this.position < low) {
      const from = this.position;
      this.position = low;
      return { kind: 'lost', partition, from, to: low };
    }
    const frame = frames[this.position];
    if (frame === undefined) return undefined;
    this.position += 1;
    return { kind: 'frame', frame };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
