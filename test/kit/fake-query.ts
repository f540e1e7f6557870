import { seriesKey } from '../../src/restore/verify/expected-cell.ts';
import type { ReceivedPoint } from './fake-tsd.ts';
import type { TsdStorage } from './tsd-storage.ts';

export interface FakeQuery {
  readonly start: number;
  readonly end: number;
  readonly queries: readonly {
    readonly metric: string;
    readonly explicitTags?: boolean;
    readonly filters?: readonly { readonly tagk: string; readonly filter: string }[];
  }[];
}

export interface FakeAnswer {
  readonly status: number;
  readonly body: string;
}

/** `POST /api/query?arrays` with the aggregator `none` and literal filters. */
export function answerQuery(storage: TsdStorage, query: FakeQuery): FakeAnswer {
  const [fromMs, toMs] = [queriedMs(query.start), queriedMs(query.end)];
  if (fromMs >= toMs) return { status: 400, body: '{"error":{"message":"End time"}}' };
  const all = storage.keys().flatMap((key) => storage.read(key) ?? []);
  const parts: string[] = [];
  for (const { metric, filters = [], explicitTags = false } of query.queries) {
    const ofMetric = all.filter((point) => point.metric === metric);
    if (ofMetric.length === 0) return unknown('metrics', metric);
    for (const { tagk, filter } of filters) {
      const isKnown = all.some(({ tags }) => tags[tagk] === filter);
      if (!isKnown) return unknown('tagv', filter);
    }
    const bySeries = new Map<string, ReceivedPoint[]>();
    for (const point of ofMetric) {
      const { tags, timestamp } = point;
      const ms = msOf(Number(timestamp));
      const isExact = !explicitTags || Object.keys(tags).length === filters.length;
      const isMeant = filters.every(({ tagk, filter }) => tags[tagk] === filter);
      if (ms < fromMs || ms > toMs || !isMeant || !isExact) continue;
      const series = seriesKey(tags);
      bySeries.set(series, [...(bySeries.get(series) ?? []), point]);
    }
    for (const points of bySeries.values()) parts.push(seriesOf(points));
  }
  return { status: 200, body: `[${parts.join()}]` };
}

/** `/api/suggest?type=metrics`, for names of ASCII unless `q` says how they begin. */
export function suggestMetrics(storage: TsdStorage, start: string | null): string[] {
  const names = storage.keys().flatMap((key) => storage.read(key)?.metric ?? []);
  const isMeant = (name: string): boolean =>
    start === null || start === '' ? /^[!-~]/.test(name) : name.startsWith(start);
  return [...new Set(names)].filter(isMeant).toSorted();
}

function seriesOf(points: readonly ReceivedPoint[]): string {
  const cells = points
    .map(({ timestamp, value }) => [msOf(Number(timestamp)), numberOf(value)] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([ms, text]) => `[${ms},${text}]`);
  const [first] = points;
  const head = JSON.stringify({ metric: first?.metric, tags: first?.tags, aggregateTags: [] });
  return `${head.slice(0, -1)},"dps":[${cells.join()}]}`;
}

/** As Java prints it, or close: a float is never without a point or an exponent. */
function numberOf(value: string): string {
  const text = value.trim();
  if (/^[+-]?\d+$/.test(text)) return String(BigInt(text.replace('+', '')));
  const number = Number(text);
  const shown = Object.is(number, -0) ? '-0' : String(number);
  return /[.e]/.test(shown) ? shown : `${shown}.0`;
}

function unknown(kind: string, name: string): FakeAnswer {
  const message = `No such name for '${kind}': '${name}'`;
  return { status: 400, body: JSON.stringify({ error: { code: 400, message } }) };
}

/** Queries tell seconds from milliseconds by the digits. */
function queriedMs(time: number): number {
  return time > 9_999_999_999 ? time : time * 1_000;
}

function msOf(time: number): number {
  return time > 0xffff_ffff ? time : time * 1_000;
}
