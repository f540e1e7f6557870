import type { FoundWrite } from '../../archive/search/search.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import { formatRecordHeader, type RecordTransport } from '../../record/record.ts';

const FRAME_BYTES_MAX = 256 * 1_024;

/**
 * Makes frames of writes that come in the order of receive times, lanes and sequences. A frame holds consecutive records, so one ends where
 * there are some without a point. Lines that the primary refused are left out.
 */
export class WritePacker {
  readonly #ordinalOf: (lane: string) => number;
  #first: FoundWrite | undefined;
  #last: FoundWrite | undefined;
  #texts: string[] = [];
  #bytes = 0;

  constructor(ordinalOf: (lane: string) => number) {
    this.#ordinalOf = ordinalOf;
  }

  /** Frames that are complete by these writes. */
  take(writes: readonly FoundWrite[]): LaneFrame[] {
    const frames: LaneFrame[] = [];
    for (const write of writes) {
      const last = this.#last;
      const isSame = last?.lane === write.lane && last.seq === write.seq;
      const isNext = last?.lane === write.lane && last.seq + 1 === write.seq;
      if (!isSame && (!isNext || this.#bytes >= FRAME_BYTES_MAX)) frames.push(...this.end());
      if (!isSame) this.#say(headerOf(write));
      if (write.refusal === null) this.#say(`${write.line}\n`);
      this.#first ??= write;
      this.#last = write;
    }
    return frames;
  }

  /** The frame of what came last. */
  end(): LaneFrame[] {
    const [first, last] = [this.#first, this.#last];
    if (first === undefined || last === undefined) return [];
    const body = Buffer.from(this.#texts.join(''));
    this.#first = undefined;
    this.#last = undefined;
    this.#texts = [];
    this.#bytes = 0;
    return [
      {
        lane: first.lane,
        ordinal: this.#ordinalOf(first.lane),
        firstSeq: first.seq,
        lastSeq: last.seq,
        firstReceivedAt: first.receivedAt,
        lastReceivedAt: last.receivedAt,
        body,
      },
    ];
  }

  #say(text: string): void {
    this.#texts.push(text);
    this.#bytes += text.length;
  }
}

function headerOf({ seq, receivedAt, transport, source }: FoundWrite): string {
  return formatRecordHeader({ seq, receivedAt, transport: transportOf(transport), source });
}

function transportOf(transport: string): RecordTransport {
  return transport === 'telnet' ? 'telnet' : 'http';
}
