import type { Hole } from '../record/control.ts';
import { comparePositions, earlier, type Position } from '../record/position.ts';
import type { Term } from '../record/term.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Cursor } from '../wal/cursor.ts';
import type { DurableLog } from '../wal/log-reader.ts';
import type { KafkaConnection } from './connection.ts';
import { explainFailure } from './failure.ts';
import { FramePacker, type Pack } from './frame-packer.ts';
import { PlaceKeeper } from './place-keeper.ts';
import { ProducerSession } from './producer-session.ts';
import type { TopicPlace } from './topic-place.ts';

/** How Kafka stands: `live` answers wait for it; otherwise they don't. */
export type ProducerState =
  | { readonly kind: 'live' }
  | { readonly kind: 'behind' | 'down'; readonly reason: string };

interface ProducerEvents {
  /** Called at each change. */
  state(state: ProducerState): void;
  /** All up to there is in the topic. */
  acknowledged(last: Position, sent: SentMessage): void;
  /** The topic knows of this lane. */
  registered(lane: string): void;
  /** The topic isn't the one that it was: it is given all that the log has. */
  refilling(reason: string): void;
  /** Records that will never reach the topic, because the log lost them. */
  hole(hole: Hole): void;
  /** The place could not be written; it is tried again. Called once a reason. */
  unsaved(reason: string): void;
}

interface Next {
  readonly pack: Pack;
  /** Out of order, to make its lane known: it comes once more when it is its turn. */
  readonly isAhead: boolean;
}

interface SentMessage {
  readonly records: number;
  readonly mutations: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly partition: number;
  readonly offset: number;
  /** When its first record was received, epoch ms. */
  readonly receivedAt: number;
}

export interface ProducerFollowerOptions {
  readonly log: DurableLog;
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly host: string;
  /** What is said of the primary with each message. */
  readonly term: () => Term | undefined;
  readonly cursor: Cursor;
  readonly place: TopicPlace;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
  readonly events: ProducerEvents;
}

const RETRY = { delayMsMin: 100, delayMsMax: 3_000, random: Math.random } as const;

/**
 * Brings the log to a topic, in order, for as long as the process runs. One message is under way at a time, and what waits
 * meanwhile becomes the next.
 *
 * After any failure a new producer sends again from the last acknowledged record: the topic may then hold records twice, never
 * with one missing between, and readers drop what they have seen of a lane.
 *
 * A topic that was deleted, or made anew, is noticed when it doesn't hold the last acknowledged message any more: looked at by
 * each new producer and before a lane's first message, and by offsets that go back. It then gets the log from its oldest record;
 * what the log has dropped meanwhile is missing, and readers of the topic find the hole.
 */
export class ProducerFollower {
  readonly #options: ProducerFollowerOptions;
  readonly #packer: FramePacker;
  readonly #keeper: PlaceKeeper;
  readonly #backoff = new Backoff(RETRY);
  #state: ProducerState = { kind: 'behind', reason: 'it was not reached yet' };
  #position: Position | undefined;
  /** The lane that the topic must know of before it takes data. */
  #unregistered: Position | undefined;
  #wake: (() => void) | undefined;
  #hasGrown = false;

  constructor(options: ProducerFollowerOptions) {
    this.#options = options;
    const { log, host, events, cursor, place } = options;
    this.#packer = new FramePacker({ log, host, onHole: (hole) => events.hole(hole) });
    this.#keeper = new PlaceKeeper({
      ...options,
      acknowledged: () => this.#position,
      unsaved: (reason) => events.unsaved(reason),
    });
    // Without the last message nobody can tell whether this topic holds what comes before the cursor.
    this.#position = place.last === undefined ? undefined : cursor.position;
  }

  get state(): ProducerState {
    return this.#state;
  }

  /** All up to it is in the topic; undefined while nothing is. */
  get acknowledged(): Position | undefined {
    return this.#position;
  }

  /** What of the log the topic surely has, durably known. */
  get passed(): Position | undefined {
    return earlier(this.#position, this.#options.cursor.position);
  }

  /** A lane was opened; it waits for its first message. */
  opened({ lane, ordinal }: Position): void {
    this.#unregistered = { lane, ordinal, seq: 0 };
  }

  /** The log has grown. */
  wake(): void {
    this.#hasGrown = true;
    this.#wake?.();
  }

  /** Answers don't wait for Kafka until it has caught up. */
  degrade(reason: string): void {
    if (this.#state.kind === 'live') this.#enter({ kind: 'behind', reason });
  }

  /** Runs until the signal aborts; what is under way then is sent again by the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    const saving = this.#keeper.run(signal);
    while (!signal.aborted) {
      try {
        await this.#session(signal);
      } catch (error) {
        if (signal.aborted) break;
        // The abandoned producer may still be reading what it was given.
        this.#packer.release();
        const { connection, topic } = this.#options;
        const { says } = explainFailure(error, { options: connection.options, topic });
        this.#enter({ kind: 'down', reason: says });
        await clock.sleep(this.#backoff.nextMs(), signal);
      }
    }
    await saving;
    await this.#keeper.save();
    await this.#packer.close();
    this.#enter({ kind: 'down', reason: 'the proxy is stopping' });
  }

  async #session(signal: AbortSignal): Promise<void> {
    const { connection, topic } = this.#options;
    const session = await ProducerSession.open(connection, topic);
    const hangUp = (): void => session.close();
    signal.addEventListener('abort', hangUp, { once: true });
    try {
      await this.#produce(session, signal);
    } finally {
      signal.removeEventListener('abort', hangUp);
      session.close();
    }
  }

  async #produce(session: ProducerSession, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    let partitions = await this.#look(session);
    if (this.#state.kind === 'down') this.#enter({ kind: 'behind', reason: 'catching up' });
    let lane = '';
    while (!signal.aborted) {
      this.#hasGrown = false;
      const next = await this.#next();
      if (next === undefined) {
        await this.#untilGrown(signal);
        continue;
      }
      const { pack, isAhead } = next;
      if (lane !== '' && pack.frame.lane !== lane) partitions = await this.#look(session);
      ({ lane } = pack.frame);
      const isEnd = comparePositions(pack.last, log.durable) >= 0;
      const durationMs = await this.#send(session, next, partitions);
      if (durationMs === undefined) continue;
      this.#backoff.reset();
      const isPrompt = durationMs < this.#options.ackTimeoutMs / 2;
      if (isEnd && !isAhead && isPrompt) this.#enter({ kind: 'live' });
    }
  }

  /** A lane that waits to be known goes before the backlog of others: its data are taken then, and readers know of it. */
  async #next(): Promise<Next | undefined> {
    const { log } = this.#options;
    const pack = await this.#packer.next(this.#position);
    const waiting = this.#unregistered;
    if (pack === undefined) return undefined;
    const isFirst = waiting === undefined || pack.frame.ordinal >= waiting.ordinal;
    if (isFirst || log.durable.ordinal < waiting.ordinal) return { pack, isAhead: false };
    // More of it would look like what comes in turn, after all of the lanes before it.
    const ahead = await this.#packer.next(waiting, 'one frame');
    return ahead && { pack: ahead, isAhead: true };
  }

  /** How long it took; undefined when the topic turned out to be another one. */
  async #send(
    session: ProducerSession,
    { pack: { frame, last }, isAhead }: Next,
    partitions: readonly number[],
  ): Promise<number | undefined> {
    const { clock, place, events, term } = this.#options;
    const startMs = clock.monotonicMs();
    const partition = place.partitionOf(frame.lane, partitions);
    const offset = await session.send(frame, partition, clock.now(), term());
    const durationMs = clock.monotonicMs() - startMs;
    const before = place.last;
    if (before?.partition === partition && offset <= before.offset) {
      await this.#refill('its offsets went back');
      return undefined;
    }
    place.note({ partition, offset, lane: frame.lane, seq: frame.lastSeq });
    this.#keeper.note(frame.body.length);
    if (this.#unregistered?.lane === frame.lane) {
      this.#unregistered = undefined;
      events.registered(frame.lane);
    }
    if (!isAhead) {
      this.#position = last;
      const records = frame.lastSeq - frame.firstSeq + 1;
      const { mutations, body } = frame;
      const message = { records, mutations, bytes: body.length, durationMs };
      events.acknowledged(last, {
        ...message,
        partition,
        offset,
        receivedAt: frame.firstReceivedAt,
      });
    }
    return durationMs;
  }

  /** The topic's partitions, after a look at whether it is still the same. */
  async #look(session: ProducerSession): Promise<readonly number[]> {
    const { place } = this.#options;
    const { partitions, holdsLast } = await session.look(place.last);
    if (!holdsLast) await this.#refill('it does not hold the last message that it acknowledged');
    return partitions;
  }

  /** Durably, before anything is sent: the new topic may come to hold the old last message, where it was, and not what came before it. */
  async #refill(reason: string): Promise<void> {
    this.#position = undefined;
    await this.#keeper.forget();
    this.#enter({ kind: 'behind', reason: `it is filled again: ${reason}` });
    this.#options.events.refilling(reason);
  }

  /** The end of the run wakes, too. */
  async #untilGrown(signal: AbortSignal): Promise<void> {
    if (this.#hasGrown || signal.aborted) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }

  #enter(state: ProducerState): void {
    const isSame = JSON.stringify(state) === JSON.stringify(this.#state);
    this.#state = state;
    if (!isSame) this.#options.events.state(state);
  }
}
