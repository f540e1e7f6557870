import { compare } from '../../../src/compare/compare.ts';
import type {
  CompareEvent,
  CompareRequest,
  CompareResult,
  ToldDifference,
} from '../../../src/compare/compare-request.ts';
import { parsePutLine } from '../../../src/opentsdb/put-line.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';

export interface Compared {
  readonly result: CompareResult;
  readonly events: readonly CompareEvent[];
  /** `kind metric{tags} source target` of each point, with the reason if there is one. */
  readonly told: readonly string[];
}

/** Two OpenTSDBs in memory. */
export class Pair implements AsyncDisposable {
  readonly source: FakeTsd;
  readonly target: FakeTsd;

  private constructor(source: FakeTsd, target: FakeTsd) {
    this.source = source;
    this.target = target;
  }

  static async start(): Promise<Pair> {
    return new Pair(await FakeTsd.start(), await FakeTsd.start());
  }

  /** Log lines; those of `telnet` came by telnet. */
  both(lines: readonly string[], transport: 'http' | 'telnet' = 'http'): void {
    for (const tsd of [this.source, this.target]) store(tsd, lines, transport);
  }

  async compare(
    request: Partial<CompareRequest> = {},
    more: {
      readonly signal?: AbortSignal;
      readonly clock?: Clock;
      readonly onEvent?: (event: CompareEvent) => void;
    } = {},
  ): Promise<Compared> {
    const events: CompareEvent[] = [];
    const result = await compare({
      request: {
        source: new URL(this.source.url),
        target: new URL(this.target.url),
        metrics: [],
        fromMs: 0,
        toMs: Date.now(),
        lagMs: 0,
        log: undefined,
        repair: undefined,
        ...request,
      },
      clock: more.clock ?? systemClock,
      report: (event) => {
        events.push(event);
        more.onEvent?.(event);
      },
      signal: more.signal ?? new AbortController().signal,
    });
    return { result, events, told: events.flatMap(tell) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await this.target[Symbol.asyncDispose]();
  }
}

/** As it were stored long ago. */
export function store(
  tsd: FakeTsd,
  lines: readonly string[],
  transport: 'http' | 'telnet' = 'http',
): void {
  for (const line of lines) {
    const { metric, timestamp, value, tags } = parsePutLine(line);
    const pairs = Object.entries(tags).map(([key, text]): [string, string] => [key, text ?? '']);
    const point = { metric: metric ?? '', timestamp, value: value ?? '' };
    tsd.storage.write({ transport, ...point, tags: Object.fromEntries(pairs) });
    // Of two forms of an instant the later one is to win.
    tsd.storage.flush();
  }
}

function tell(event: CompareEvent): string[] {
  if (event.event === 'left') return tellPoints(event).map((line) => `left: ${line}`);
  return event.event === 'difference' ? tellPoints(event) : [];
}

function tellPoints({ kind, side, metric, tags, points, reason }: ToldDifference): string[] {
  const names = Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`);
  const head = `${kind} ${metric}{${tags === null ? '?' : names.join()}}`;
  if (kind === 'unreadable') return [`${head} ${side} ${reason}`];
  return points.map((point) => {
    const why = point.reason === null ? '' : `: ${point.reason}`;
    const sent = point.mend === null ? '' : ` from the ${point.mend}`;
    return `${head} ${point.source} ${point.target}${sent}${why}`;
  });
}
