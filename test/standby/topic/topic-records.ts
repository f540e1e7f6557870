import { formatControl } from '../../../src/record/control.ts';
import type { LaneFrame } from '../../../src/record/lane-frame.ts';
import { readLines, readRecords } from '../../../src/record/record.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import type { MadeRecord } from '../../kit/frames.ts';

export const START_MS = 1_700_000_000_000;

/** A record at a time in ms after the start, with a name; without one it is a tick. */
export function at(ms: number, name?: string): MadeRecord {
  const receivedAt = START_MS + ms;
  if (name !== undefined) return { receivedAt, lines: [`put m ${receivedAt} ${name} a=b`] };
  const tick = formatControl({ kind: 'tick', confirmed: null });
  return { receivedAt, lines: [tick], transport: 'log' };
}

export function opened(ms: number, previous: { lane: string; lastSeq: number } | null): MadeRecord {
  const reason = 'start' as const;
  const line = formatControl({ kind: 'open', version: '0', previous, reason, holes: [] });
  return { receivedAt: START_MS + ms, lines: [line], transport: 'log' };
}

export function closed(ms: number): MadeRecord {
  const line = formatControl({ kind: 'close' });
  return { receivedAt: START_MS + ms, lines: [line], transport: 'log' };
}

/** Names of records, in their order; what isn't a frame by its kind. */
export function namesOf(reads: readonly SourceRead[]): string[] {
  return reads.flatMap((read) => {
    if (read.kind === 'hole') return [`hole ${read.hole.lane}/${read.hole.from}-${read.hole.to}`];
    if (read.kind !== 'frame') return [read.kind];
    return valuesOf(read.frame);
  });
}

export function valuesOf({ body }: LaneFrame): string[] {
  return [...readRecords(body)].flatMap((record) =>
    [...readLines(body, record)].flatMap((line) =>
      line.startsWith('put ') ? (line.split(' ')[3] ?? '') : [],
    ),
  );
}
