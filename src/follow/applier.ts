import type { NamedError } from '../opentsdb/put-answer.ts';
import type { PutClient } from '../opentsdb/put-client.ts';
import type { TelnetClient } from '../opentsdb/telnet-client.ts';
import type { Batch } from './batch.ts';

/** A line that OpenTSDB refused, by its number in the chunk, with OpenTSDB's words. */
export interface RefusedLine {
  readonly line: number;
  readonly error: string;
}

export type Applied =
  /** OpenTSDB handled every line; it may not have stored them yet. */
  | { readonly kind: 'handled'; readonly refused: readonly RefusedLine[] }
  /** A smaller body is needed. */
  | { readonly kind: 'too large' }
  /** Nothing is known of what became of the batch, or it surely was not stored: apply it again. */
  | { readonly kind: 'failed'; readonly reason: string; readonly fault: Fault };

/**
 * `storage`: OpenTSDB answers, but HBase doesn't take its writes. `answer`: it answers no puts.
 * `contact`: it doesn't answer. `size`: the next try is with smaller bodies.
 */
export type Fault = 'storage' | 'answer' | 'contact' | 'size';

/** The one way in which tsdb-wal writes to an OpenTSDB: batch by batch, each by the transport it came by. */
export class Applier {
  readonly #http: PutClient;
  readonly #telnet: TelnetClient;

  constructor(clients: { readonly http: PutClient; readonly telnet: TelnetClient }) {
    this.#http = clients.http;
    this.#telnet = clients.telnet;
  }

  /** Never rejects. Telnet batches may be applied without waiting for those before; HTTP batches must wait. */
  async apply(batch: Batch): Promise<Applied> {
    return batch.telnet ? this.#applyTelnet(batch) : this.#applyHttp(batch);
  }

  async #applyHttp(batch: Batch): Promise<Applied> {
    const reply = await this.#http.put(batch.body);
    switch (reply.kind) {
      case 'handled':
        return { kind: 'handled', refused: locate(batch, reply.refused) };
      case 'storage':
        return { kind: 'failed', reason: reply.reason, fault: 'storage' };
      case 'too large':
        return { kind: 'too large' };
      case 'failed':
        return { kind: 'failed', reason: reply.reason, fault: 'answer' };
      case 'unanswered':
        return { kind: 'failed', reason: reply.reason, fault: 'contact' };
    }
  }

  async #applyTelnet(batch: Batch): Promise<Applied> {
    const reply = await this.#telnet.send(batch.body);
    if (reply.kind === 'handled' && reply.errors.length > 0) return this.#findErrors(batch);
    if (reply.kind === 'handled') return { kind: 'handled', refused: [] };
    const fault = reply.kind === 'storage' ? 'storage' : 'contact';
    return { kind: 'failed', reason: reply.reason, fault };
  }

  /**
   * Telnet errors don't say whose they are: the batch is sent again with an unknown command behind each
   * line, whose reply stands behind the line's own. Putting the lines twice is harmless.
   */
  async #findErrors(batch: Batch): Promise<Applied> {
    const marked = batch.body
      .toString('latin1')
      .split('\n')
      .slice(0, -1)
      .map((line, index) => `${line}\n#${index}\n`);
    const reply = await this.#telnet.send(Buffer.from(marked.join(''), 'latin1'));
    if (reply.kind !== 'handled') {
      const fault = reply.kind === 'storage' ? 'storage' : 'contact';
      return { kind: 'failed', reason: reply.reason, fault };
    }
    const refused: RefusedLine[] = [];
    let index = 0;
    for (const text of reply.errors) {
      if (text.startsWith(`unknown command: #${index}.`)) index += 1;
      else if (!text.startsWith('unknown command: #')) {
        refused.push({ line: batch.lines[index] ?? 0, error: text });
      }
    }
    return { kind: 'handled', refused };
  }
}

/** Finds the points that the errors name. Points that are equal are refused alike. */
function locate(batch: Batch, errors: readonly NamedError[]): RefusedLine[] {
  if (errors.length === 0) return [];
  const byPoint = new Map(errors.map(({ datapoint, error }) => [identity(datapoint), error]));
  const points = JSON.parse(batch.body.toString('utf8')) as readonly unknown[];
  const refused: RefusedLine[] = [];
  for (const [index, point] of points.entries()) {
    const error = byPoint.get(identity(point));
    if (error !== undefined) refused.push({ line: batch.lines[index] ?? 0, error });
  }
  return refused;
}

function identity(point: unknown): string {
  const { metric, timestamp, value, tags } = (point ?? {}) as Record<string, unknown>;
  const pairs = Object.entries((tags ?? {}) as Record<string, unknown>).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return JSON.stringify([metric, timestamp, String(value), pairs]);
}
