import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LookLimits, LookState } from '../../src/follow/others/look-through.ts';
import { PrimaryFacts } from '../../src/follow/primary-facts.ts';
import { Primary } from '../../src/follow/primary.ts';
import { SentBodies } from '../../src/follow/deliver/sent-bodies.ts';
import { type LaneFrame, receiveTimesOf } from '../../src/record/lane-frame.ts';
import { Undone } from '../../src/record/fork.ts';
import { earlier, type Position } from '../../src/record/position.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { LogReader } from '../../src/wal/log-reader.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { TestLog } from '../kit/wal-log.ts';

const FLUSH_MS = 30;
const LIMITS: Omit<LookLimits, 'oldMs'> = {
  visibleMsMax: 200,
  clockBoundMs: 10,
  pauseMs: 60,
  aloneMs: 1_500,
  putsMax: 400,
};

/** A fake OpenTSDB, and lanes that write to it. */
export class SharedRig implements AsyncDisposable {
  readonly tsd: FakeTsd;
  /** Frames of all lanes, as Kafka has them. */
  readonly topic: LaneFrame[] = [];
  readonly lanes: SharedLane[] = [];

  private constructor(tsd: FakeTsd) {
    this.tsd = tsd;
  }

  /** `oldMs`: see LookLimits. */
  static async start(lanes: number, oldMs = 3_000): Promise<SharedRig> {
    const tsd = await FakeTsd.start();
    tsd.settings['tsd.storage.flush_interval'] = String(FLUSH_MS);
    tsd.storage.start(FLUSH_MS);
    const rig = new SharedRig(tsd);
    for (let lane = 0; lane < lanes; lane += 1) {
      rig.lanes.push(await SharedLane.create(rig, oldMs));
    }
    return rig;
  }

  lane(index: number): SharedLane {
    const lane = this.lanes[index];
    if (lane === undefined) throw new Error(`there is no lane ${index}`);
    return lane;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lane of this.lanes) await lane[Symbol.asyncDispose]();
    await this.tsd[Symbol.asyncDispose]();
  }
}

/** One proxy's log and its delivery, with a way to the topic that can be cut, as the one to the primary can. */
export class SharedLane implements AsyncDisposable {
  readonly #rig: SharedRig;
  readonly #data: TempDirectory;
  readonly #oldMs: number;
  readonly link: TcpProxy;
  isKafkaCut = false;
  /** What the topic has of the log; outlives the process. */
  #acknowledged: Position | undefined;
  /** Lanes of this directory. */
  readonly #own = new Set<string>();
  #log: TestLog | undefined;
  #primary: Primary | undefined;
  #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  givenWay = 0;
  readonly undone = new Undone();
  readonly states: LookState[] = [];

  private constructor(rig: SharedRig, data: TempDirectory, link: TcpProxy, oldMs: number) {
    this.#rig = rig;
    this.#data = data;
    this.link = link;
    this.#oldMs = oldMs;
  }

  static async create(rig: SharedRig, oldMs: number): Promise<SharedLane> {
    const link = await TcpProxy.start(rig.tsd.port);
    const lane = new SharedLane(rig, await tempDirectory('shared'), link, oldMs);
    await lane.open();
    return lane;
  }

  get primary(): Primary {
    if (this.#primary === undefined) throw new Error('the lane does not run');
    return this.#primary;
  }

  get log(): TestLog {
    if (this.#log === undefined) throw new Error('the lane does not run');
    return this.#log;
  }

  /** Acknowledged by the log alone. */
  async put(transport: 'http' | 'telnet', lines: readonly string[]): Promise<void> {
    await this.log.write(lines, transport);
  }

  async open(): Promise<void> {
    const { path } = this.#data;
    const cursor = await Cursor.open(path, 'primary');
    const followers = [
      { did: 'confirmed', position: cursor.position },
      { did: 'in Kafka', position: this.#acknowledged },
    ];
    const log = await TestLog.open(`${path}/wal`, { version: randomUUID(), followers });
    this.#log = log;
    const primary = new Primary({
      primary: new URL(this.link.url),
      heldFor: undefined,
      wal: log.wal,
      clock: systemClock,
      cursor,
      facts: await PrimaryFacts.open(path),
      undone: this.undone,
      sentBodies: new SentBodies(),
      ackTimeoutMs: 1_000,
      isAwaited: () => false,
      unlogged: () => [],
      barred: () => Promise.resolve(undefined),
      requestTimeoutMs: 2_000,
      syncTimeoutMs: 1_000,
      healWindowMs: 100,
      batchPointsMax: 100,
      batchBytesMax: 65_536,
      shared: {
        others: { read: (fromMs) => this.#others(fromMs), seeAll: () => this.#areSeen() },
        limits: { ...LIMITS, oldMs: this.#oldMs },
        receiveNow: () => log.wal.now(),
        undone: this.undone,
        mayPass: (confirmed) => earlier(confirmed, this.#acknowledged),
        onState: (state) => this.states.push(state),
        onLater: (points) => (this.givenWay += points),
      },
      events: {
        delivered: (_last, refused) => refused,
        rejected: () => Promise.resolve(),
        mended: () => undefined,
        unsettled: () => undefined,
        answered: () => undefined,
        state: () => undefined,
        reached: () => undefined,
        unread: () => undefined,
        resumed: () => undefined,
        doubted: () => undefined,
        stored: () => undefined,
        confirmed: (position) => cursor.move(position),
        hole: () => undefined,
      },
    });
    this.#primary = primary;
    log.onDurable = () => primary.wake();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#running = Promise.all([primary.run(signal), this.#produce(log, primary, signal)]);
  }

  /** What is under way to the primary is left to itself. */
  async close(): Promise<void> {
    if (this.#primary === undefined) return;
    this.#stop.abort();
    await this.#running;
    await this.log.wal.close();
    this.#primary = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.link[Symbol.asyncDispose]();
    await this.#data[Symbol.asyncDispose]();
  }

  async #produce(log: TestLog, primary: Primary, signal: AbortSignal): Promise<void> {
    const reader = new LogReader(log.wal);
    while (!signal.aborted) {
      const read = this.isKafkaCut ? undefined : await reader.next(this.#acknowledged);
      if (read?.kind !== 'frame') {
        await systemClock.sleep(5, signal);
        continue;
      }
      const { lane, ordinal, firstSeq, lastSeq } = read;
      this.#own.add(lane);
      const body = Buffer.from(read.body);
      const frame = { lane, ordinal, firstSeq, lastSeq, body, ...receiveTimesOf(body) };
      this.#rig.topic.push(frame);
      this.#acknowledged = { lane, ordinal, seq: lastSeq };
      const isData = body.includes('\nput ');
      if (isData && Date.now() - frame.firstReceivedAt > LIMITS.visibleMsMax)
        primary.hidden({ lane, ordinal, seq: firstSeq });
    }
    await reader.close();
  }

  async *#others(fromMs: number): AsyncGenerator<LaneFrame> {
    for (const frame of this.#rig.topic.slice()) {
      await sleep(0);
      if (this.isKafkaCut) throw new Error('Kafka is away');
      const isData = frame.body.includes('\nput ');
      if (isData && !this.#own.has(frame.lane) && frame.lastReceivedAt >= fromMs) yield frame;
    }
  }

  #areSeen(): boolean {
    const { durable } = this.log.wal;
    const at = this.#acknowledged;
    return !this.isKafkaCut && at?.ordinal === durable.ordinal && at.seq === durable.seq;
  }
}
