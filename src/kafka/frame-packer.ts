import { FRAME_BODY_BYTES_MAX } from '../record/frame.ts';
import { receiveTimesOf } from '../record/lane-frame.ts';
import type { Hole } from '../record/control.ts';
import type { SentFrame } from '../record/topic-read.ts';
import type { Position } from '../record/position.ts';
import { type DurableLog, endOf, type FrameRead, LogReader } from '../wal/log-reader.ts';

export interface Pack {
  readonly frame: SentFrame;
  /** Its last record. */
  readonly last: Position;
}

/** Packs what waits in the log into messages: whole frames of one lane, one after the other. */
export class FramePacker {
  readonly #reader: LogReader;
  readonly #host: string;
  readonly #onHole: (hole: Hole) => void;
  #buffer = Buffer.allocUnsafeSlow(FRAME_BODY_BYTES_MAX);
  /** Read, but without room in the message before; its body is a copy. */
  #ahead: { readonly after: Position | undefined; readonly read: FrameRead } | undefined;

  constructor(options: {
    readonly log: DurableLog;
    readonly host: string;
    readonly onHole: (hole: Hole) => void;
  }) {
    this.#reader = new LogReader(options.log);
    this.#host = options.host;
    this.#onHole = options.onHole;
  }

  /**
   * What follows `after`, or only the first frame of it; undefined when nothing durable does yet. The body is valid until the next
   * call.
   */
  async next(after: Position | undefined, extent?: 'one frame'): Promise<Pack | undefined> {
    let position = after;
    let first: FrameRead | undefined;
    let last: FrameRead | undefined;
    let bytes = 0;
    let mutations = 0;
    for (;;) {
      const read = await this.#read(position);
      if (read === undefined) break;
      const follows =
        last === undefined || (read.lane === last.lane && read.firstSeq === last.lastSeq + 1);
      if (!follows || bytes + read.body.length > this.#buffer.length) {
        const { body } = read;
        this.#ahead = { after: position, read: { ...read, body: Buffer.from(body) } };
        break;
      }
      read.body.copy(this.#buffer, bytes);
      bytes += read.body.length;
      mutations += read.mutations;
      first ??= read;
      last = read;
      position = endOf(read);
      if (extent === 'one frame') break;
    }
    if (first === undefined || last === undefined || position === undefined) return undefined;
    const { lane, ordinal, firstSeq } = first;
    const body = this.#buffer.subarray(0, bytes);
    const records = { lane, ordinal, firstSeq, lastSeq: last.lastSeq, mutations, body };
    return { frame: { ...records, host: this.#host, ...receiveTimesOf(body) }, last: position };
  }

  /** The bodies that were given out are no longer the packer's: someone may still be reading them. */
  release(): void {
    this.#buffer = Buffer.allocUnsafeSlow(FRAME_BODY_BYTES_MAX);
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  async #read(after: Position | undefined): Promise<FrameRead | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined && isSame(ahead.after, after)) return ahead.read;
    let position = after;
    for (;;) {
      const recent = position && this.#reader.peek(position);
      if (recent !== undefined) return recent;
      const read = await this.#reader.next(position);
      if (read === undefined || read.kind === 'frame') return read;
      this.#onHole(read.hole);
      position = read.to;
    }
  }
}

function isSame(a: Position | undefined, b: Position | undefined): boolean {
  return a?.ordinal === b?.ordinal && a?.seq === b?.seq;
}
