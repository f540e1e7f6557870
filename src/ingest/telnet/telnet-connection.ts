import type { Socket } from 'node:net';
import { countLines } from '../../record/count-lines.ts';
import type { LineBuffer } from '../../record/line-buffer.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Admission } from '../admission.ts';
import type { IngestOptions } from '../ingest-options.ts';
import type { SpareBuffers } from '../spare-buffers.ts';
import { type Peer, peerOf } from '../peer.ts';
import type { TelnetCommands } from './telnet-commands.ts';
import { parseLines } from './telnet-lines.ts';
import { type BytesRead, type TelnetRead, createRead, mergeReplies } from './telnet-read.ts';
import { TelnetSocket } from './telnet-socket.ts';

const LIMITS = {
  /** Without a line end among this many bytes the connection is closed, as OpenTSDB does. */
  unfinishedLineBytesMax: 1_024,
  /** Read and not answered: beyond this nothing is read, and it is enough to keep the log and the primary busy. */
  unansweredBytesMax: 512 * 1024,
  /** Replies that wait for the log: beyond this nothing is read. */
  waitingRepliesMax: 1_000,
  /** Memory that one of them takes. */
  replyBytes: 64,
  retryDelayMsMin: 100,
  retryDelayMsMax: 2_000,
} as const;

/** What the connections of a front door share. */
export interface TelnetContext {
  readonly options: IngestOptions;
  readonly commands: TelnetCommands;
  readonly admission: Admission;
  /** Empty between two uses: `submit` copies. */
  readonly lines: LineBuffer;
  readonly spare: SpareBuffers;
}

/**
 * One telnet connection. The put lines of one read are one submission, and every reply waits until the submissions
 * before it are answered. Telnet can't say no: what the log does not take is kept, nothing more is read, and it
 * is submitted again, together with all that was read after it, so that later lines stay later. What was taken in
 * between is then logged twice, in order, which stores the same.
 */
export class TelnetConnection {
  readonly #socket: TelnetSocket;
  readonly #peer: Peer;
  readonly #context: TelnetContext;
  readonly #reads: TelnetRead[] = [];
  #unansweredBytes = 0;
  /** Resolves when all that was read is answered and the connection is closed. */
  readonly done: Promise<void>;
  #markDone: () => void = () => undefined;
  #tail: Buffer | undefined = undefined;
  /** Read, but not yet admitted. */
  #parked: BytesRead | undefined = undefined;
  #pumping = false;
  /** What the log did not take is being submitted again: nothing overtakes it. */
  #isRetrying = false;
  /** Nothing more is read; the connection ends when all before is answered. */
  #stopped = false;
  readonly #abandoned = new AbortController();
  #waitsSinceMs: number | undefined = undefined;

  constructor(socket: Socket, context: TelnetContext) {
    this.#socket = new TelnetSocket(socket);
    this.#context = context;
    this.#peer = peerOf(socket);
    this.done = new Promise((resolve) => {
      this.#markDone = resolve;
    });
  }

  run(): void {
    this.#socket.watch({
      idleTimeoutMs: this.#context.options.limits.idleTimeoutMs,
      isAwaitingUs: () => this.#isBusy,
      onEnd: () => this.stop(),
    });
  }

  /** Monotonic; since when it waits for the log, or to be admitted. Undefined: it doesn't. */
  get waitsSinceMs(): number | undefined {
    return this.#abandoned.signal.aborted ? undefined : this.#waitsSinceMs;
  }

  /** Reads nothing more, and closes when what was read is answered. */
  stop(): void {
    this.#stopped = true;
    this.#tail = undefined;
    this.#endWhenAnswered();
  }

  /** Gives up at once; what the log did not take is counted as refused. */
  abandon(): void {
    this.#stopped = true;
    this.#abandoned.abort();
    this.#socket.destroy();
    if (this.#parked !== undefined) {
      this.#context.admission.cancel(this.#admitted);
      this.#countLost(countLines(this.#parked.memory.subarray(0, this.#parked.length)));
      this.#parked = undefined;
    }
    this.#endWhenAnswered();
  }

  /** Copies the bytes. */
  receive(bytes: Buffer): void {
    if (this.#stopped) return;
    const { admission, spare } = this.#context;
    const memory = spare.take(bytes.length);
    const chunk = { memory, length: bytes.copy(memory) };
    if (admission.tryAcquire(this.#peer.address, chunk.length, true)) return this.#take(chunk);
    this.#parked = chunk;
    this.#hold('admission');
    admission.wait(this.#peer.address, chunk.length, this.#admitted);
    return undefined;
  }

  readonly #admitted = (): void => {
    const chunk = this.#parked;
    this.#parked = undefined;
    if (chunk !== undefined) this.#take(chunk);
    this.#release('admission');
    this.#endWhenAnswered();
  };

  /** Cuts the bytes at the last line end, submits what is before it and keeps what is after it. */
  #take(chunk: BytesRead): void {
    const { admission, spare } = this.#context;
    const bytes = chunk.memory.subarray(0, chunk.length);
    const end = bytes.lastIndexOf(0x0a) + 1;
    const before = this.#tail;
    if (end === 0) {
      this.#tail = before === undefined ? Buffer.from(bytes) : Buffer.concat([before, bytes]);
      admission.release(this.#peer.address, chunk.length, true);
      spare.giveBack(chunk.memory);
    } else {
      this.#tail = end === chunk.length ? undefined : Buffer.from(bytes.subarray(end));
      const read = createRead(before, chunk, end);
      this.#reads.push(read);
      this.#unansweredBytes += read.heldBytes;
      if (this.#unansweredBytes > LIMITS.unansweredBytesMax) this.#socket.hold('unanswered');
      if (this.#isRetrying) read.count = countLines(bytes);
      else this.#submit(read);
    }
    if ((this.#tail?.length ?? 0) > LIMITS.unfinishedLineBytesMax) this.stop();
  }

  #submit(read: TelnetRead): void {
    const { options, commands, lines } = this.#context;
    const { source } = this.#peer;
    parseLines(read, { rules: options.rules(), commands, source }, lines);
    if (read.exit) this.stop();
    if (read.replies.length > 0) this.#holdReplies(read);
    if (read.count === 0) {
      read.outcome = 'nothing';
      return this.#advance();
    }
    const submission = {
      transport: 'telnet',
      source,
      lines: lines.view(),
      count: read.count,
    } as const;
    read.settled = new Promise((resolve) => {
      options.writePath.submit(submission, (outcome) => {
        read.outcome = outcome;
        this.#advance();
        resolve();
      });
    });
    return undefined;
  }

  /** An empty line of one byte has a reply, too. */
  #holdReplies(read: TelnetRead): void {
    const grown = read.replies.length * LIMITS.replyBytes - read.replyBytes;
    if (grown > 0) {
      this.#context.admission.take(this.#peer.address, grown, true);
      read.replyBytes += grown;
      this.#unansweredBytes += grown;
    }
    if (read.replies.length > LIMITS.waitingRepliesMax) this.#socket.hold('answers');
  }

  #advance(): void {
    if (this.#pumping || this.#reads[0]?.outcome === undefined) return;
    this.#pumping = true;
    void this.#pump();
  }

  /** Answers reads in order, as far as they are settled. */
  async #pump(): Promise<void> {
    for (let read = this.#reads[0]; read?.outcome !== undefined; read = this.#reads[0]) {
      if (read.outcome !== 'nothing' && read.outcome.kind === 'unavailable') {
        await this.#socket.send();
        if (!(await this.#submitAgain(read))) break;
      } else {
        await this.#answer(read);
        this.#reads.shift();
        this.#letGo(read);
        // Replies to all that is settled leave in one write.
        if (this.#reads[0]?.outcome === undefined) await this.#socket.send();
      }
    }
    this.#pumping = false;
    if (this.#reads.length === 0) this.#socket.release('answers');
    this.#endWhenAnswered();
  }

  /** Answers one read. A task runs only now, when all before it was answered. */
  async #answer(read: TelnetRead): Promise<void> {
    const { counters } = this.#context.options;
    const refusals =
      typeof read.outcome === 'object' && read.outcome.kind === 'accepted'
        ? read.outcome.refusals
        : [];
    const points = read.count + read.invalid;
    if (points > 0) counters.received(points, 'telnet');
    if (read.invalid > 0) counters.refused(read.invalid, 'telnet', 'invalid');
    if (refusals.length > 0) counters.refused(refusals.length, 'telnet', 'primary');
    if (read.replies.length === 0 && refusals.length === 0) return;
    for (const reply of mergeReplies(read, refusals)) {
      if (typeof reply === 'string') {
        const sent = this.#socket.reply(reply);
        if (sent !== undefined) await sent;
      } else if (!this.#socket.isGone) {
        await this.#socket.send();
        await this.#socket.reply(await reply());
      }
    }
  }

  /** Submits the head of the queue until it is taken, then all after it; false when the connection was abandoned. */
  async #submitAgain(head: TelnetRead): Promise<boolean> {
    const { signal } = this.#abandoned;
    this.#hold('log');
    this.#isRetrying = true;
    await Promise.all(this.#reads.map((read) => read.settled));
    // What was taken after the head is about to be logged again.
    for (const read of this.#reads) {
      if (typeof read.outcome === 'object' && read.outcome.kind === 'accepted') {
        this.#context.options.counters.received(read.count, 'telnet');
      }
    }
    let delayMs: number = LIMITS.retryDelayMsMin;
    while (
      head.outcome === undefined ||
      (head.outcome !== 'nothing' && head.outcome.kind === 'unavailable')
    ) {
      await systemClock.sleep(delayMs, signal);
      if (signal.aborted) {
        this.#loseReads();
        return false;
      }
      delayMs = Math.min(delayMs * 2, LIMITS.retryDelayMsMax);
      this.#submit(head);
      await head.settled;
    }
    this.#isRetrying = false;
    for (const read of this.#reads) if (read !== head) this.#submit(read);
    this.#release('log');
    return true;
  }

  #hold(reason: 'admission' | 'log'): void {
    this.#socket.hold(reason);
    this.#waitsSinceMs ??= systemClock.monotonicMs();
  }

  #release(reason: 'admission' | 'log'): void {
    if (this.#parked === undefined && !this.#isRetrying) this.#waitsSinceMs = undefined;
    this.#socket.release(reason);
  }

  #loseReads(): void {
    for (const read of this.#reads.splice(0)) {
      this.#countLost(read.count);
      this.#letGo(read);
    }
  }

  #letGo({ heldBytes, memory }: TelnetRead): void {
    this.#context.spare.giveBack(memory);
    this.#context.admission.release(this.#peer.address, heldBytes, true);
    this.#unansweredBytes -= heldBytes;
    if (this.#unansweredBytes <= LIMITS.unansweredBytesMax / 2) this.#socket.release('unanswered');
  }

  #countLost(points: number): void {
    if (points === 0) return;
    const { counters } = this.#context.options;
    counters.received(points, 'telnet');
    counters.refused(points, 'telnet', 'unavailable');
  }

  /** Whether something of what was read is not answered. */
  get #isBusy(): boolean {
    return this.#reads.length > 0 || this.#parked !== undefined;
  }

  #endWhenAnswered(): void {
    if (!this.#stopped || this.#pumping || this.#isBusy) return;
    this.#markDone();
    this.#socket.end();
  }
}
