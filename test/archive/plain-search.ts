import fc from 'fast-check';
import type { WriteFilter } from '../../src/archive/search/write-filter.ts';
import { parsePutLine } from '../../src/opentsdb/put-line.ts';
import { START_MS } from '../restore/kit/histories.ts';
import { type MadeLane, undoneAt } from '../restore/kit/history.ts';

export const EVER = { from: 0, to: Number.MAX_SAFE_INTEGER };
/** Of the first points of the histories. */
export const INSTANT_MS = 1_500_000_000_000;

/** `lane/seq/index` of what fits, in order, by the plainest reading of the filter; `!` after it if it was refused, `~` if it is undone. */
export function plainSearch(lanes: readonly MadeLane[], filter: WriteFilter): string[] {
  const { received, instants = EVER, metric = '*', tags = [], value } = filter;
  const refused = new Set<string>();
  for (const line of lanes.flatMap(({ records }) => records.flatMap((record) => record.lines))) {
    if (!line.startsWith('!outcome ')) continue;
    const outcome = JSON.parse(line.slice('!outcome '.length)) as {
      lane: string;
      seq: number;
      refused: { index: number }[];
    };
    for (const { index } of outcome.refused) refused.add(`${outcome.lane}/${outcome.seq}/${index}`);
  }
  const isUndone = undoneAt(lanes, Infinity);
  const all = lanes.flatMap(({ lane, records }) =>
    records.flatMap(({ receivedAt, transport, lines }, at) =>
      lines.flatMap((line, index) =>
        transport === 'log' ? [] : [{ lane, seq: at + 1, index, receivedAt, line }],
      ),
    ),
  );
  return all
    .filter(({ receivedAt, line }) => {
      const point = parsePutLine(line);
      const seconds = Number(point.timestamp);
      const instant = seconds > 0xffff_ffff ? seconds : seconds * 1_000;
      return (
        receivedAt >= received.from &&
        receivedAt < received.to &&
        instant >= instants.from &&
        instant < instants.to &&
        fits(metric, point.metric) &&
        (value === undefined || value === point.value) &&
        tags.every(([key, pattern]) => fits(pattern, point.tags[key] ?? undefined))
      );
    })
    .toSorted(
      (a, b) =>
        a.receivedAt - b.receivedAt ||
        (a.lane < b.lane ? -1 : a.lane > b.lane ? 1 : a.seq - b.seq || a.index - b.index),
    )
    .map(({ lane, seq, index }) => {
      const place = `${lane}/${seq}/${index}`;
      return `${place}${refused.has(place) ? '!' : ''}${isUndone(lane, seq) ? '~' : ''}`;
    });
}

function fits(pattern: string, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    const rest = pattern.slice(1);
    return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((end) =>
      fits(rest, end),
    );
  }
  return text.startsWith(pattern[0] ?? '') && fits(pattern.slice(1), text.slice(1));
}

export const spans = (min: number, max: number): fc.Arbitrary<{ from: number; to: number }> =>
  fc
    .tuple(fc.integer({ min, max }), fc.integer({ min: 1, max: max - min }))
    .map(([from, length]) => ({ from, to: from + length }));

export const filters: fc.Arbitrary<WriteFilter> = fc.record(
  {
    received: fc.oneof(fc.constant(EVER), spans(START_MS - 5, START_MS + 100)),
    instants: fc.oneof(
      fc.constant(EVER),
      spans(0, 8).map(({ from, to }) => ({
        from: INSTANT_MS + from * 500,
        to: INSTANT_MS + to * 500,
      })),
    ),
    metric: fc.constantFrom('m', 'm*', 'm.*', '*.a', 's*c*u', 'sys.cpu', 'é', 'é*', 'j', '*', 'no'),
    tags: fc.array(
      fc.constantFrom(
        ['h', 'a'] as const,
        ['h', '*'] as const,
        ['h', 'a*'] as const,
        ['h', '*c'] as const,
        ['h', 'b'] as const,
        ['h', 'h a'] as const,
        ['h', 'a%b'] as const,
        ['h', '='] as const,
        ['i', 'c'] as const,
        ['z', '*'] as const,
      ),
      { maxLength: 2 },
    ),
    value: fc.constantFrom('1', '300', '1.10', ' 1.5 ', '-0'),
  },
  { requiredKeys: ['received'] },
);
