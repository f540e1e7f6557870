import { seriesKey } from '../../../src/restore/verify/expected-cell.ts';
import { parsePutLine } from '../../../src/opentsdb/put-line.ts';
import { instantKey } from '../../kit/tsd-storage.ts';

/** A record of the log, as tests make it up. */
export interface MadeRecord {
  readonly receivedAt: number;
  readonly transport: 'http' | 'telnet' | 'log';
  /** As the log holds them, without `\n`. */
  readonly lines: readonly string[];
  /** For ticks: they are no rows. */
  readonly confirmed?: string | null;
}

/** A lane's records; sequences count from 1. */
export interface MadeLane {
  readonly lane: string;
  readonly records: readonly MadeRecord[];
}

export interface StateCell {
  readonly line: string;
  readonly transport: 'http' | 'telnet';
  readonly at: string;
}

/**
 * The state at a time by the plainest reading of the rule: the last write of each instant that nobody refused. By `instantKey`.
 * `order`: what comes last is told by receive times, or by the lanes, each of which was written after the one before.
 */
export function stateAt(
  lanes: readonly MadeLane[],
  atMs: number,
  isTaken: (lane: string, seq: number) => boolean = () => true,
  order: 'by receive time' | 'by lane' = 'by receive time',
): Map<string, StateCell> {
  const refused = new Set<string>();
  for (const { records } of lanes) {
    for (const { lines } of records) {
      for (const line of lines) {
        if (!line.startsWith('!outcome ')) continue;
        const outcome = JSON.parse(line.slice('!outcome '.length)) as {
          lane: string;
          seq: number;
          refused: { index: number }[];
        };
        for (const { index } of outcome.refused) {
          refused.add(`${outcome.lane}/${outcome.seq}/${index}`);
        }
      }
    }
  }
  const isUndone = undoneAt(lanes, atMs);
  const all = lanes.flatMap(({ lane, records }) =>
    records.map((record, index) => ({ lane, seq: index + 1, ...record })),
  );
  const taken = all
    .filter(({ receivedAt, lane, seq }) => receivedAt <= atMs && isTaken(lane, seq))
    .filter(({ lane, seq }) => !isUndone(lane, seq));
  const inOrder =
    order === 'by lane'
      ? taken
      : taken.toSorted(
          (a, b) =>
            a.receivedAt - b.receivedAt ||
            (a.lane < b.lane ? -1 : a.lane > b.lane ? 1 : a.seq - b.seq),
        );
  const state = new Map<string, StateCell>();
  for (const { lane, seq, transport, lines } of inOrder) {
    for (const [index, line] of lines.entries()) {
      const at = `${lane}/${seq}/${index}`;
      if (transport === 'log' || refused.has(at)) continue;
      state.set(keyOf(line), { line, transport, at });
    }
  }
  return state;
}

/** What was said by then to be undone. */
export function undoneAt(
  lanes: readonly MadeLane[],
  atMs: number,
): (lane: string, seq: number) => boolean {
  const ranges = lanes
    .flatMap(({ records }) => records.filter(({ receivedAt }) => receivedAt <= atMs))
    .flatMap(({ lines }) => lines.filter((line) => line.startsWith('!fork ')))
    .flatMap((line) => (JSON.parse(line.slice('!fork '.length)) as Said).undone);
  return (lane, seq) =>
    ranges.some((range) => range.lane === lane && range.from <= seq && range.to >= seq);
}

interface Said {
  readonly undone: readonly { readonly lane: string; readonly from: number; readonly to: number }[];
}

/** Names the series and instant of a line, in whichever form it is. */
export function keyOf(line: string): string {
  const { metric, timestamp, tags } = parsePutLine(line);
  return instantKey({
    transport: 'http',
    metric,
    timestamp,
    value: '',
    tags: { ...tags } as Record<string, string>,
  });
}

export function seriesOf(line: string): string {
  const { metric, tags } = parsePutLine(line);
  return `${metric} ${seriesKey(tags as Record<string, string>)}`;
}
