import type { Term } from '../record/term.ts';
import type { TopicFrame } from '../record/topic-read.ts';
import type { Clock } from '../runtime/clock.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { type FetchedPartition, FetchSession, type OffsetRange } from './fetch-session.ts';
import { OffsetRuns } from './offset-runs.ts';
import { decodeMessage } from './topic-frame.ts';

export interface OtherLanesOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly clock: Clock;
  /** Whether a lane is of this data directory. */
  readonly owns: (lane: string) => boolean;
  /** Another proxy says so of its primary. */
  readonly onTerm: (term: Term) => void;
}

const FETCH = { waitMs: 200, partitionBytesMax: 262_144, bytesMax: 1_048_576 } as const;
/** Every lane says something each second. Small answers: only when they come matters. */
const LISTEN = {
  ms: 1_500,
  fetches: 50,
  limits: { waitMs: 500, partitionBytesMax: 4_096, bytesMax: 4_096 },
} as const;
/** What they say with each message is looked for in so many of the last ones of a partition. */
const LAST_MESSAGES = 50;
/** The brokers are asked again so often who leads what. */
const REFRESH_MS = 30_000;
/** After so many answers without anything new a read is given up. */
const FRUITLESS_MAX = 50;

/** A connection to the topic: reads that are under way at once share it. */
interface Line {
  readonly client: KafkaClient;
  readonly session: Promise<FetchSession>;
  readers: number;
  refreshedMs: number;
}

type SpansIn = (session: FetchSession) => Promise<ReadonlyMap<number, OffsetRange>>;

const wholeSpans: SpansIn = (session) => session.ranges(session.partitions());

interface Window {
  /** The next offset to fetch. */
  next: number;
  /** Of the first message that came after the question; excluded. */
  readonly high: number;
}

/**
 * What other proxies wrote to the topic, read from any time on, over a connection that is kept. Messages that hold nothing of
 * others, as this proxy's own, are fetched once at most: a proxy that is alone on its topic asks for offsets and fetches nothing.
 */
export class OtherLanes {
  readonly #options: OtherLanesOptions;
  /** By partition, the offsets without data of others. */
  readonly #quiet = new Map<number, OffsetRuns>();
  /** That of the next read; opened when there is none. */
  #line: Line | undefined;

  constructor(options: OtherLanesOptions) {
    this.#options = options;
  }

  /** A message of this process is there. */
  noteOwn(partition: number, offset: number): void {
    this.#runsOf(partition).add(offset);
  }

  /**
   * Frames with data of other lanes, of which the last record was received at `fromMs` or later: all that were in the topic when
   * this was called. Rejects, on the way too, when it can't be read, or the signal aborts; other reads go on then.
   */
  async *read(fromMs: number, signal: AbortSignal): AsyncGenerator<TopicFrame> {
    const spansIn: SpansIn = (session) => session.spansFrom(session.partitions(), fromMs);
    for await (const frame of this.#readIn(spansIn, Infinity, signal)) {
      if (frame.lastReceivedAt >= fromMs) yield frame;
    }
  }

  /** Looks at the last messages of all partitions, for what others say of their primary. Rejects as `read`. */
  async lookBack(signal: AbortSignal): Promise<void> {
    const frames = this.#readIn(wholeSpans, LAST_MESSAGES, signal);
    while ((await frames.next()).done !== true);
  }

  /** Frames with data of other lanes; `messages`: of each partition at most so many of the last. */
  async *#readIn(
    spansIn: SpansIn,
    messages: number,
    signal: AbortSignal,
  ): AsyncGenerator<TopicFrame> {
    const line = (this.#line ??= this.#connect());
    line.readers += 1;
    try {
      const session = await unlessAborted(this.#sessionOf(line), signal);
      const windows = this.#windowsOf(await unlessAborted(spansIn(session), signal), messages);
      for (let fruitless = 0; windows.size > 0; fruitless += 1) {
        if (fruitless > FRUITLESS_MAX) throw new Error('a partition of the topic gives nothing');
        for (const [nodeId, led] of session.leaders()) {
          const offsets = new Map(
            [...windows].filter(([one]) => led.includes(one)).map(([one, { next }]) => [one, next]),
          );
          if (offsets.size === 0) continue;
          const fetched = await unlessAborted(session.fetch(nodeId, offsets, FETCH), signal);
          for (const one of fetched) {
            if (one.messages.length > 0) fruitless = 0;
            yield* this.#take(one, windows);
          }
        }
      }
    } catch (error) {
      // Whoever else is reading may finish; who gave up has nothing against the connection.
      const isInUse = line.readers > 1;
      if (this.#line === line && !(signal.aborted && isInUse)) this.#line = undefined;
      throw error;
    } finally {
      line.readers -= 1;
      if (line.readers === 0 && this.#line !== line) line.client.hangUp();
    }
  }

  /**
   * Waits for messages of other lanes at the end of the topic, so that each is told of when it comes; ends after a second or two. Rejects
   * when the topic can't be read.
   */
  async listen(heard: (frame: TopicFrame) => void, signal: AbortSignal): Promise<void> {
    const { clock, connection, topic, owns } = this.#options;
    const client = connection.client({ retries: 0 });
    const hangUp = (): void => client.hangUp();
    signal.addEventListener('abort', hangUp, { once: true });
    try {
      const session = await FetchSession.open(client, topic);
      const ranges = await session.ranges(session.partitions());
      const ends = new Map([...ranges].map(([partition, { high }]) => [partition, high]));
      const endMs = clock.monotonicMs() + LISTEN.ms;
      await Promise.all(
        [...session.leaders()].map(async ([nodeId, led]) => {
          for (let left = LISTEN.fetches; left > 0 && clock.monotonicMs() < endMs; left -= 1) {
            const offsets = new Map([...ends].filter(([partition]) => led.includes(partition)));
            for (const one of await session.fetch(nodeId, offsets, LISTEN.limits)) {
              // What waits there already would seem to come late.
              ends.set(one.partition, Math.max(one.nextOffset, one.high));
              for (const message of one.messages) {
                const decoded = decodeMessage(one.partition, message);
                if (decoded.kind === 'foreign' || owns(decoded.frame.lane)) continue;
                this.#noteTerm(decoded.frame);
                heard(decoded.frame);
              }
            }
          }
        }),
      );
    } finally {
      signal.removeEventListener('abort', hangUp);
      client.hangUp();
    }
  }

  /** The topic is another one than before. */
  forget(): void {
    this.#quiet.clear();
  }

  /** Gives up the connection, and what is under way on it; a read opens another. */
  close(): void {
    this.#line?.client.hangUp();
    this.#line = undefined;
  }

  *#take(
    { partition, messages, nextOffset }: FetchedPartition,
    windows: Map<number, Window>,
  ): Generator<TopicFrame> {
    const window = windows.get(partition);
    if (window === undefined) return;
    const quiet = this.#runsOf(partition);
    for (const message of messages) {
      const { offset } = message;
      if (offset >= window.high || quiet.firstLacking(offset) > offset) continue;
      const decoded = decodeMessage(partition, message);
      if (decoded.kind === 'foreign' || this.#options.owns(decoded.frame.lane)) {
        quiet.add(offset);
        continue;
      }
      this.#noteTerm(decoded.frame);
      if (decoded.frame.mutations === 0) quiet.add(offset);
      else yield decoded.frame;
    }
    window.next = quiet.firstLacking(nextOffset);
    if (window.next >= window.high) windows.delete(partition);
  }

  #noteTerm({ term }: TopicFrame): void {
    if (term !== undefined) this.#options.onTerm(term);
  }

  async #sessionOf(line: Line): Promise<FetchSession> {
    const session = await line.session;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - line.refreshedMs > REFRESH_MS) {
      await session.refresh();
      line.refreshedMs = nowMs;
    }
    return session;
  }

  #connect(): Line {
    const { connection, topic, clock } = this.#options;
    const client = connection.client({ retries: 0 });
    const session = FetchSession.open(client, topic);
    return { client, session, readers: 0, refreshedMs: clock.monotonicMs() };
  }

  /** Of each partition that has something to fetch. */
  #windowsOf(places: ReadonlyMap<number, OffsetRange>, messages: number): Map<number, Window> {
    const windows = new Map<number, Window>();
    for (const [partition, { low, high }] of places) {
      const next = this.#runsOf(partition).firstLacking(Math.max(low, high - messages));
      if (next < high) windows.set(partition, { next, high });
    }
    return windows;
  }

  #runsOf(partition: number): OffsetRuns {
    let runs = this.#quiet.get(partition);
    if (runs === undefined) this.#quiet.set(partition, (runs = new OffsetRuns()));
    return runs;
  }
}

/** What the work comes to; rejects as soon as the signal aborts. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new Error('the read was given up'));
    signal.addEventListener('abort', giveUp, { once: true, signal: over.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    over.abort();
  }
}
