import type { LaneFrame } from '../../src/record/lane-frame.ts';

export interface MadeRecord {
  readonly receivedAt: number;
  readonly lines: readonly string[];
  readonly transport?: string;
}

/** A frame of these records, the first with the sequence given. */
export function frameOf(
  lane: string,
  firstSeq: number,
  records: readonly MadeRecord[],
  ordinal = 1,
): LaneFrame {
  const text = records.map(({ receivedAt, lines, transport = 'http' }, index) =>
    [`@${firstSeq + index} ${receivedAt} ${transport} -`, ...lines]
      .map((line) => `${line}\n`)
      .join(''),
  );
  return {
    lane,
    ordinal,
    firstSeq,
    lastSeq: firstSeq + records.length - 1,
    firstReceivedAt: records[0]?.receivedAt ?? 0,
    lastReceivedAt: records.at(-1)?.receivedAt ?? 0,
    body: Buffer.from(text.join('')),
  };
}
