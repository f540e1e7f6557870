import { readRecords } from '../record/record.ts';
import type { LaneFrame } from '../record/lane-frame.ts';
import { Chunk } from './chunk.ts';
import { isSameWrite } from './point-key.ts';
import type { PutStretch } from './put-stretch.ts';

/** A write of another lane that was received later than what this one put to its instant. */
export interface LaterWrite {
  /** The canonical line, without `\n`. */
  readonly line: string;
  readonly telnet: boolean;
  readonly high: number;
  readonly low: number;
  readonly receivedAt: number;
}

export interface OpenStretch {
  readonly stretch: PutStretch;
  /** What others received later than this they put when all of the stretch was surely flushed. Epoch ms. */
  readonly contestedUntil: number;
  readonly isLanded: boolean;
}

const CHUNK_BYTES = 64 * 1024;
const CHUNK_LINES = 1_024;

/** Finds, in frames of other lanes, what must stand in the primary instead of what was put by this one. */
export class LaterWrites {
  readonly #chunk = new Chunk(CHUNK_BYTES, CHUNK_LINES);

  /**
   * Those of the frame's writes that win over what the stretches, oldest first, put last to their instants; of several to one
   * instant the last. They stand in the stretches' tables from then on.
   */
  find(
    frame: LaneFrame,
    open: readonly OpenStretch[],
  ): { readonly write: LaterWrite; readonly stretch: PutStretch }[] {
    const oldestAt = Math.min(...open.map(({ stretch }) => stretch.oldestAt));
    const found: { write: LaterWrite; stretch: PutStretch }[] = [];
    for (const record of readRecords(frame.body)) {
      const { transport, receivedAt, seq } = record;
      if (transport === 'log' || receivedAt <= oldestAt) continue;
      const chunk = this.#chunk;
      chunk.clear();
      chunk.add(frame.body, record.start, record.end, {
        seq,
        telnet: transport === 'telnet',
        receivedAt,
      });
      for (let line = 0; line < chunk.count; line += 1) {
        const stretch = beaten(chunk, line, open);
        if (stretch === undefined) continue;
        const high = chunk.keyHigh[line] ?? 0;
        const low = chunk.keyLow[line] ?? 0;
        stretch.cells.put(high, low, receivedAt);
        const write = {
          line: chunk.text(line),
          telnet: transport === 'telnet',
          high,
          low,
          receivedAt,
        };
        found.push({ write, stretch });
      }
    }
    return found;
  }
}

/** The stretch that put to the line's instant last, if what it put is older than the line and may have come behind it. */
function beaten(chunk: Chunk, line: number, open: readonly OpenStretch[]): PutStretch | undefined {
  const high = chunk.keyHigh[line] ?? 0;
  const low = chunk.keyLow[line] ?? 0;
  const receivedAt = chunk.times[line] ?? 0;
  for (let at = open.length - 1; at >= 0; at -= 1) {
    const one = open[at];
    const put = one?.stretch.cells.get(high, low);
    if (one === undefined || put === undefined) continue;
    const { stretch, contestedUntil } = one;
    // What is still under way is looked at again when it has landed.
    if (
      !one.isLanded ||
      receivedAt > contestedUntil ||
      receivedAt <= stretch.cells.timeOf(high, low)
    )
      return undefined;
    if (!isSameWrite(put, low)) return stretch;
    // What others wrote before it doesn't win.
    stretch.cells.put(high, low, receivedAt);
    return undefined;
  }
  return undefined;
}
