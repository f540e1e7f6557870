import { request } from 'node:http';

/** A data point as OpenTSDB's telnet line, without `\n`: what is compared between client, log and primary. */
export type Line = string;

/**
 * What clients sent, how often, and what of it was acknowledged. A line must be sent by one client only, and
 * with one value for its instant.
 */
export class Ledger {
  readonly #sends = new Map<Line, number>();
  readonly #acknowledged = new Set<Line>();
  /** What clients were told instead of success, with how often. */
  readonly errors = new Map<string, number>();
  /** Of each request, answered with success or not. */
  readonly answerMs: number[] = [];

  get acknowledged(): ReadonlySet<Line> {
    return this.#acknowledged;
  }

  /** How often it was sent; at most one of these was acknowledged. */
  sendsOf(line: Line): number {
    return this.#sends.get(line) ?? 0;
  }

  send(lines: readonly Line[]): void {
    for (const line of lines) this.#sends.set(line, this.sendsOf(line) + 1);
  }

  acknowledge(lines: readonly Line[]): void {
    for (const line of lines) this.#acknowledged.add(line);
  }

  fail(error: string): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }
}

/** The point of a line, as `/api/put` takes it; the value keeps its text. */
export function jsonOf(line: Line): string {
  const { metric, timestamp, value, tags } = partsOf(line);
  const pairs = tags.map((tag) =>
    tag
      .split('=')
      .map((text) => JSON.stringify(text))
      .join(':'),
  );
  return `{"metric":"${metric}","timestamp":${timestamp},"value":${value},"tags":{${pairs.join()}}}`;
}

/** `metric=… tag=…@instant` of a line: two lines of one instant are writes of one point. */
export function instantOf(line: Line): string {
  const { metric, timestamp, tags } = partsOf(line);
  return `${metric} ${tags.toSorted().join(' ')}@${instantMs(timestamp)}`;
}

function instantMs(timestamp: string): number {
  return Number(timestamp) > 0xffff_ffff ? Number(timestamp) : Number(timestamp) * 1_000;
}

function partsOf(line: Line): {
  readonly metric: string;
  readonly timestamp: string;
  readonly value: string;
  readonly tags: readonly string[];
} {
  const [, metric = '', timestamp = '', value = '', ...tags] = line.split(' ');
  return { metric, timestamp, value, tags };
}

interface Series {
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly dps: Readonly<Record<string, number>>;
}

/** The lines that the OpenTSDB at `url` does not answer to a query; one with another value counts as absent. */
export async function missingIn(url: string, lines: Iterable<Line>): Promise<Line[]> {
  const byMetric = new Map<string, Line[]>();
  for (const line of lines) {
    const { metric } = partsOf(line);
    const own = byMetric.get(metric);
    if (own === undefined) byMetric.set(metric, [line]);
    else own.push(line);
  }
  const missing: Line[] = [];
  for (const [metric, own] of byMetric) {
    const stored = await storedPoints(url, metric, own);
    for (const line of own) {
      if (stored.get(instantOf(line)) !== Number(partsOf(line).value)) missing.push(line);
    }
  }
  return missing;
}

/** Every point of a metric in the span of the lines, by `instantOf`. */
async function storedPoints(
  url: string,
  metric: string,
  lines: readonly Line[],
): Promise<Map<string, number>> {
  let [first, last] = [Infinity, 0];
  for (const line of lines) {
    const instant = instantMs(partsOf(line).timestamp);
    first = Math.min(first, instant);
    last = Math.max(last, instant);
  }
  const query = `start=${first}&end=${last + 1}&m=none:${metric}&ms&no_annotations`;
  const { status, text } = await exchange(`${url}/api/query?${query}`);
  if (status === 400 && text.includes('No such name')) return new Map();
  if (status !== 200) throw new Error(`${metric} cannot be queried: ${status} ${text}`);
  const points = new Map<string, number>();
  for (const { tags, dps } of JSON.parse(text) as readonly Series[]) {
    const pairs = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
    const series = `${metric} ${pairs.toSorted().join(' ')}`;
    for (const [instant, value] of Object.entries(dps)) points.set(`${series}@${instant}`, value);
  }
  return points;
}

export interface Exchanged {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own. */
async function exchange(url: string, body?: string): Promise<Exchanged> {
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part)).once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
