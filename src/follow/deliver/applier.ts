import type { NamedError } from '../../opentsdb/put-answer.ts';
import type { PutClient } from '../../opentsdb/put-client.ts';
import { formatJsonPoint } from '../../opentsdb/put-writer.ts';
import { readCompacted, readRequestsUnderWay } from '../../opentsdb/server-facts.ts';
import type { TelnetClient, TelnetReply } from '../../opentsdb/telnet-client.ts';
import type { Batch } from './batch.ts';

/** A line that OpenTSDB refused, by its number in the chunk, with OpenTSDB's words. */
export interface LineError {
  readonly line: number;
  readonly error: string;
}

export type Applied =
  /** OpenTSDB handled every line; it may not have stored them yet. */
  | { readonly kind: 'handled'; readonly refused: readonly LineError[] }
  /** A smaller body is needed. */
  | { readonly kind: 'too large' }
  /** Nothing is known of what became of the batch, or it surely was not stored: apply it again. */
  | { readonly kind: 'failed'; readonly reason: string; readonly fault: Fault };

/** Telnet: OpenTSDB handled every line and refused some; `locate` finds which. */
export interface Unlocated {
  readonly kind: 'unlocated';
}

/**
 * `storage`: OpenTSDB answers, but HBase doesn't take its writes. `answer`: it answers no puts.
 * `contact`: it doesn't answer. `size`: the next try is with smaller bodies. `log`: the fault is on this side.
 */
export type Fault = 'storage' | 'answer' | 'contact' | 'size' | 'log';

/** So many lines at once are sent with a marker after each. */
const MARKED_LINES_MAX = 5_000;
const NO_LINES = Buffer.alloc(0);

/** The one way in which tsdb-wal writes to an OpenTSDB: batch by batch, each by the transport it came by. */
export class Applier {
  readonly #http: PutClient;
  readonly #telnet: TelnetClient;

  constructor(clients: { readonly http: PutClient; readonly telnet: TelnetClient }) {
    this.#http = clients.http;
    this.#telnet = clients.telnet;
  }

  /** Never rejects. Telnet batches may be applied without waiting for those before; HTTP batches must wait. */
  async apply(batch: Batch): Promise<Applied | Unlocated> {
    return batch.telnet ? this.#applyTelnet(batch) : this.#applyHttp(batch);
  }

  /**
   * Finds the refused lines of an `unlocated` batch. Telnet errors don't say whose they are: the lines are sent
   * again with an unknown command after each, whose reply stands after the line's own. They then stand
   * after all that was sent before: nothing else may be under way, and what was sent after the batch must
   * be applied again after it.
   */
  async locate(batch: Batch): Promise<Applied> {
    const lines = batch.body.toString('latin1').split('\n').slice(0, -1);
    const refused: LineError[] = [];
    for (let from = 0; from < lines.length; from += MARKED_LINES_MAX) {
      const part = lines.slice(from, from + MARKED_LINES_MAX);
      const marked = part.map((line, index) => `${line}\n#${index}\n`).join('');
      const reply = await this.#telnet.send(Buffer.from(marked, 'latin1'));
      if (reply.kind !== 'handled') return failedTelnet(reply);
      const errors = betweenMarkers(reply.errors, part.length);
      if (errors === undefined) {
        const reason = 'it does not answer unknown telnet commands as an OpenTSDB does';
        return { kind: 'failed', reason, fault: 'answer' };
      }
      for (const [index, error] of errors) {
        refused.push({ line: batch.lines[from + index] ?? 0, error });
      }
    }
    return { kind: 'handled', refused };
  }

  /** Whether the TSD answers at all by the transport that the lines came by. It is asked where that isn't known from other requests. */
  async answers(telnet: boolean): Promise<boolean> {
    return !telnet || (await this.#telnet.send(NO_LINES)).kind !== 'unanswered';
  }

  /**
   * Whether nothing that the TSD flushed is still on its way to HBase: until then a later write of an instant
   * may be overtaken by an earlier one. Undefined when the TSD doesn't say.
   */
  async isQuiet(): Promise<boolean | undefined> {
    try {
      const requests = readRequestsUnderWay(await this.#http.get('/api/stats/region_clients'));
      return requests === undefined ? undefined : requests === 0;
    } catch {
      return undefined;
    }
  }

  /** Rows that the TSD compacted and cells it deleted for that; undefined when it says nothing of it: it compacts none. Rejects when it doesn't answer. */
  async compacted(): Promise<number | undefined> {
    return readCompacted(await this.#http.get('/api/stats'));
  }

  async #applyHttp(batch: Batch): Promise<Applied> {
    const reply = await this.#http.put(batch.body);
    switch (reply.kind) {
      case 'handled': {
        const refused = findRefused(batch, reply.refused);
        if (refused !== undefined) return { kind: 'handled', refused };
        const reason = 'it names a point in its errors that it was not sent';
        return { kind: 'failed', reason, fault: 'answer' };
      }
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

  async #applyTelnet(batch: Batch): Promise<Applied | Unlocated> {
    const reply = await this.#telnet.send(batch.body);
    if (reply.kind !== 'handled') return failedTelnet(reply);
    return reply.errors.length > 0 ? { kind: 'unlocated' } : { kind: 'handled', refused: [] };
  }
}

function failedTelnet(reply: Exclude<TelnetReply, { kind: 'handled' }>): Applied {
  const fault = reply.kind === 'storage' ? 'storage' : 'contact';
  return { kind: 'failed', reason: reply.reason, fault };
}

/** The first error of each line, by the line's place; undefined when not every marker was answered. */
function betweenMarkers(
  replies: readonly string[],
  lines: number,
): Map<number, string> | undefined {
  const errors = new Map<number, string>();
  let index = 0;
  for (const text of replies) {
    if (text.startsWith(`unknown command: #${index}.`)) index += 1;
    else if (!errors.has(index)) errors.set(index, text);
  }
  return index === lines ? errors : undefined;
}

/** Finds the points that the errors name; undefined when one can't be found. Points that are equal are refused alike. */
function findRefused(batch: Batch, errors: readonly NamedError[]): LineError[] | undefined {
  const [first] = errors;
  if (first === undefined) return [];
  const [only = 0] = batch.lines;
  if (batch.lines.length === 1) return [{ line: only, error: first.error }];
  const byPoint = new Map(errors.map(({ datapoint, error }) => [identity(datapoint), error]));
  const refused: LineError[] = [];
  const found = new Set<string>();
  for (const line of batch.lines) {
    // Not from the body: there a value may be a number, of which JavaScript knows no text.
    const point: unknown = JSON.parse(formatJsonPoint(batch.chunk.text(line)).toString('utf8'));
    const name = identity(point);
    const error = byPoint.get(name);
    if (error === undefined) continue;
    found.add(name);
    refused.push({ line, error });
  }
  return found.size === byPoint.size ? refused : undefined;
}

function identity(point: unknown): string {
  const { metric, timestamp, value, tags } = (point ?? {}) as Record<string, unknown>;
  const pairs = Object.entries((tags ?? {}) as Record<string, unknown>).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return JSON.stringify([metric, timestamp, String(value), pairs]);
}
