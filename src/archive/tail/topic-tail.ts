import type { Holdings } from '../holdings/coverage.ts';
import { LaneFind, type TopicLaneTail } from './lane-find.ts';
import type { Begin } from '../format/sidecar.ts';
import type { OffsetSpan, TopicLog } from '../topic/topic-log.ts';
import { partitionIn } from '../topic/topic-opening.ts';
import { startTimes } from '../topic/topic-starts.ts';

/** What a topic holds beyond a repository, and beyond the log of a data directory where one was read, too. */
export interface TopicTail {
  readonly topic: TopicLog;
  /** Of which something was met. */
  readonly lanes: readonly TopicLaneTail[];
  /** Where their runs are, by partition. */
  readonly spans: ReadonlyMap<number, OffsetSpan>;
  /** Something was dropped while it was read, which may be archived: look again. */
  readonly isMoved: boolean;
}

type TopicRanges = Awaited<ReturnType<TopicLog['ranges']>>;

export interface TopicTailOptions {
  /** Asked before the repository was listed: what is archived meanwhile is then in one of them. */
  readonly ranges: TopicRanges;
  /** What the repository holds. */
  readonly archived: Holdings;
  /** The same with what was found elsewhere. */
  readonly known: Holdings;
  readonly signal: AbortSignal;
}

/**
 * Reads what the repository lacks of a topic, by the rules by which it would be archived: lanes come interleaved, repeated and in any
 * order, and some of them nobody knows yet. Partitions are read from where the repository's coverage ends, up to what they hold at
 * the beginning, so that it ends while writes go on. What seems to be missing is looked for in all of its partition before it is called
 * a hole.
 */
export async function readTopicTail(
  topic: TopicLog,
  { ranges, archived, known, signal }: TopicTailOptions,
): Promise<TopicTail> {
  const partitionOf = (lane: string): number => topic.partitionOf(lane, ranges.size);
  const scan = new TopicScan(topic, known, signal);
  const starts = startTimes(archived, topic.topic, partitionOf);
  const offsets = await topic.offsetsSince(starts);
  for (const [partition, { low, high }] of ranges) {
    const from = Math.min(high, Math.max(low, offsets.get(partition) ?? low));
    await scan.read(partition, { from, to: high });
  }
  await scan.lookBack(ranges);
  // What is after such a lane was sent after all that there is of it: before the ends that are asked for now.
  const unended = scan.unended();
  if (unended.size > 0) {
    for (const [partition, { high }] of await topic.ranges()) {
      const from = ranges.get(partition)?.high ?? 0;
      await scan.read(partition, { from, to: Math.max(from, high) });
    }
    scan.expect(unended);
    await scan.lookBack(ranges);
  }
  return scan.tail();
}

class TopicScan {
  readonly #topic: TopicLog;
  readonly #known: Holdings['lanes'];
  readonly #signal: AbortSignal;
  readonly #lanes = new Map<string, LaneFind>();
  /** The oldest offset that was read, by partition. */
  readonly #readFrom = new Map<number, number>();
  /** The last records of lanes, where others say that there are more than were found. */
  #expected: ReadonlyMap<string, number> = new Map();
  #isMoved = false;

  constructor(topic: TopicLog, { lanes }: Holdings, signal: AbortSignal) {
    this.#topic = topic;
    this.#known = lanes;
    this.#signal = signal;
  }

  async read(partition: number, span: OffsetSpan): Promise<void> {
    const { from } = span;
    this.#readFrom.set(partition, Math.min(this.#readFrom.get(partition) ?? from, from));
    if (from >= span.to) return;
    for await (const read of this.#topic.read(partition, span, this.#signal)) {
      if (read.kind === 'lost') this.#isMoved = true;
      if (read.kind === 'frame') this.#find(read.frame.lane).take(read.frame);
    }
    this.#signal.throwIfAborted();
  }

  /** Reads the rest of partitions in which what is missing could be. */
  async lookBack(ranges: TopicRanges): Promise<void> {
    const wanted = new Set<number>();
    for (const [lane, find] of this.#lanes) {
      if (find.missing(this.#expected.get(lane) ?? 0).length === 0) continue;
      const own = partitionIn({ lanes: this.#known }, lane, (one) =>
        this.#topic.partitionOf(one, ranges.size),
      );
      for (const partition of [...find.partitions, own]) wanted.add(partition);
    }
    const isAll = [...this.#lanes.values()].some((find) => this.#isBeforeUnknown(find));
    for (const [partition, { low }] of ranges) {
      const to = this.#readFrom.get(partition) ?? low;
      if ((isAll || wanted.has(partition)) && low < to) {
        await this.read(partition, { from: low, to });
      }
    }
  }

  /**
   * Lanes of the topic that lack the last of their records, which the lane after it tells, though records of later lanes are there:
   * each with that last record.
   */
  unended(): Map<string, number> {
    const followers = this.#followers();
    const ends = new Map<string, number>();
    for (const [lane, next] of followers) {
      if (!this.#isOfTopic(lane) || !this.#hasRecords(next, followers)) continue;
      const lastSeq = Math.max(...next.map(({ lastSeq: end }) => end));
      const find = this.#lanes.get(lane) ?? this.#newFind(lane);
      if (!find.missing(lastSeq).some((gap) => gap.lastSeq > find.lastSeq)) continue;
      ends.set(lane, lastSeq);
      this.#lanes.set(lane, find);
    }
    return ends;
  }

  expect(ends: ReadonlyMap<string, number>): void {
    this.#expected = ends;
  }

  tail(): TopicTail {
    const lanes: TopicLaneTail[] = [];
    const spans = new Map<number, OffsetSpan>();
    for (const find of this.#lanes.values()) {
      const expected = this.#expected.get(find.lane) ?? 0;
      const tail = find.tail(this.#knownPrevious(find), expected);
      if (find.partitions.size === 0 && tail.holes.length === 0) continue;
      lanes.push(tail);
      for (const { partition, firstOffset, lastOffset } of find.pieces) {
        const { from, to } = spans.get(partition) ?? { from: Infinity, to: 0 };
        const span = { from: Math.min(from, firstOffset), to: Math.max(to, lastOffset + 1) };
        spans.set(partition, span);
      }
    }
    const inOrder = lanes.toSorted((a, b) => a.begin.openedAt - b.begin.openedAt);
    return { topic: this.#topic, lanes: inOrder, spans, isMoved: this.#isMoved };
  }

  #find(lane: string): LaneFind {
    const find = this.#lanes.get(lane) ?? this.#newFind(lane);
    this.#lanes.set(lane, find);
    return find;
  }

  #newFind(lane: string): LaneFind {
    return new LaneFind(lane, this.#topic.topic, this.#known.get(lane));
  }

  /** One that neither the repository nor the topic has is from before the history. */
  #knownPrevious({ previous }: LaneFind): Begin['previous'] {
    return previous !== null && this.#isThere(previous.lane) ? previous : null;
  }

  /** The lane before is one that nothing was found of yet: it may be further back. */
  #isBeforeUnknown({ isKnown, previous }: LaneFind): boolean {
    return !isKnown && previous !== null && !this.#isThere(previous.lane);
  }

  #isThere(lane: string): boolean {
    return this.#known.has(lane) || (this.#lanes.get(lane)?.partitions.size ?? 0) > 0;
  }

  #isOfTopic(lane: string): boolean {
    const begin = this.#known.get(lane)?.begin;
    if (begin === undefined) return (this.#lanes.get(lane)?.partitions.size ?? 0) > 0;
    return begin.topic === this.#topic.topic;
  }

  /** By lane those that name it as the one before them. */
  #followers(): Map<string, Follower[]> {
    const followers = new Map<string, Follower[]>();
    for (const lane of new Set([...this.#known.keys(), ...this.#lanes.keys()])) {
      const find = this.#lanes.get(lane);
      const { begin, objects = [] } = this.#known.get(lane) ?? {};
      const previous = find?.previous ?? begin?.previous ?? null;
      if (previous === null) continue;
      const hasRecords = find?.hasRecords ?? objects.length > 0;
      const others = followers.get(previous.lane) ?? [];
      followers.set(previous.lane, [...others, { lane, lastSeq: previous.lastSeq, hasRecords }]);
    }
    return followers;
  }

  /** Of some of these, or of one after them. */
  #hasRecords(
    next: readonly Follower[],
    followers: ReadonlyMap<string, readonly Follower[]>,
  ): boolean {
    const seen = new Set<string>();
    const open = [...next];
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      if (one.hasRecords) return true;
      if (seen.has(one.lane)) continue;
      seen.add(one.lane);
      open.push(...(followers.get(one.lane) ?? []));
    }
    return false;
  }
}

/** A lane after another one, whose last record it tells. */
interface Follower {
  readonly lane: string;
  readonly lastSeq: number;
  readonly hasRecords: boolean;
}
