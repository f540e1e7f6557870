import { checksum } from '../runtime/checksum.ts';

/**
 * The published durable position: the file `durable` beside the segments, overwritten in place and
 * not synced. Readers in other processes follow the log up to it; a start compares it with the end it
 * finds, so that an acknowledged tail can't vanish unnoticed. One line of fixed width:
 *
 *     <lane> <ordinal, 8 digits> <first sequence of the newest file, 15> <durable sequence, 15> <crc32, 8 hex>
 *
 * The checksum, of all before it, tells a reader that it met the line half overwritten, and should look again.
 */
export interface DurableMark {
  readonly lane: string;
  readonly ordinal: number;
  readonly segmentFirstSeq: number;
  readonly seq: number;
}

const LINE = /^([0-9a-f]{16}) (\d{8}) (\d{15}) (\d{15}) ([0-9a-f]{8})\n$/;

export function formatDurableMark(mark: DurableMark): string {
  const ordinal = String(mark.ordinal).padStart(8, '0');
  const segmentFirstSeq = String(mark.segmentFirstSeq).padStart(15, '0');
  const seq = String(mark.seq).padStart(15, '0');
  const text = `${mark.lane} ${ordinal} ${segmentFirstSeq} ${seq} `;
  return `${text}${checksum(text)}\n`;
}

/** Undefined when the text is no whole mark. */
export function parseDurableMark(text: string): DurableMark | undefined {
  const match = LINE.exec(text);
  if (match === null) return undefined;
  const [, lane = '', ordinal, segmentFirstSeq, seq, crc] = match;
  if (crc !== checksum(text.slice(0, text.lastIndexOf(' ') + 1))) return undefined;
  return {
    lane,
    ordinal: Number(ordinal),
    segmentFirstSeq: Number(segmentFirstSeq),
    seq: Number(seq),
  };
}
