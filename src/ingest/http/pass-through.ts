import { HttpForwarder } from '../../opentsdb/http-forward.ts';
import { errorBody } from '../../opentsdb/put-reply.ts';
import { lanesIn } from '../../opentsdb/via.ts';
import { EXCHANGE_BYTES, type HttpExchange } from './http-exchange.ts';
import { decodeBody, readBody } from './http-body.ts';
import type { HttpRoute } from './http-route.ts';
import type { IngestOptions } from '../ingest-options.ts';

type PassedRoute = Extract<HttpRoute, { kind: 'read' | 'mutation' | 'deleteCapableQuery' }>;

/** Hands what is no put to the primary: reads always, changes only where the configuration says so. */
export class PassThrough {
  readonly #options: IngestOptions;
  #primary: URL;
  #forwarder: HttpForwarder;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#primary = options.primary();
    this.#forwarder = new HttpForwarder(this.#primary, () => options.lane());
  }

  async handle(exchange: HttpExchange, route: PassedRoute): Promise<void> {
    switch (route.kind) {
      case 'read':
        if (!exchange.tryAcquire(EXCHANGE_BYTES)) return exchange.answerBusy(OVERLOAD);
        return this.#forward(exchange);
      case 'mutation':
        if (!exchange.tryAcquire(EXCHANGE_BYTES)) return exchange.answerBusy(OVERLOAD);
        return this.#change(exchange, route.what);
      case 'deleteCapableQuery':
        return this.#query(exchange);
    }
  }

  async close(): Promise<void> {
    await this.#forwarder.close();
  }

  /** A query's body decides whether it deletes. */
  async #query(exchange: HttpExchange): Promise<void> {
    const { bodyBytesMax, inflatedBytesMax } = this.#options.limits;
    const read = await readBody(exchange, bodyBytesMax);
    const body =
      read.kind === 'body'
        ? await decodeBody(exchange.request.headers, read.bytes, inflatedBytesMax)
        : read;
    if (body.kind === 'aborted' || read.kind !== 'body') {
      if (read.kind !== 'refused') return exchange.end();
      return read.reason === 'overload'
        ? exchange.answerBusy(read.message)
        : exchange.answerError(read.status, read.message);
    }
    if (body.kind === 'refused') return exchange.answerError(body.status, body.message);
    switch (readDeleteFlag(body.bytes.toString('utf8'))) {
      case 'unreadable':
        return exchange.answerError(400, 'Unable to parse the given JSON', UNREADABLE_QUERY);
      case 'deletes':
        return this.#change(exchange, 'a query with "delete": true', read.bytes);
      case 'reads':
        return this.#forward(exchange, read.bytes);
    }
  }

  async #change(exchange: HttpExchange, what: string, body?: Buffer): Promise<void> {
    const { method = '', url = '' } = exchange.request;
    if (this.#options.mutations === 'refuse') {
      const message = `tsdb-wal refuses ${what}: it is not logged yet, so backups and standbys would miss it`;
      return exchange.answerError(501, message, 'Only /api/put is taken; reads are passed on');
    }
    try {
      await this.#options.bypassMarker(method, url, exchange.connection.source);
    } catch (error) {
      const { message } = error as Error;
      return exchange.answerBusy(`Not passed on, its marker can't be logged: ${message}`);
    }
    return this.#forward(exchange, body);
  }

  async #forward(exchange: HttpExchange, body?: Buffer): Promise<void> {
    const { request, response } = exchange;
    if (lanesIn(request.headers.via).includes(this.#options.lane())) {
      return exchange.answerError(508, LOOP);
    }
    exchange.keepHeadPlain();
    const outcome = await this.#toPrimary().forward(request, response, body);
    if (outcome.kind !== 'failed') return exchange.end();
    if (!request.complete) exchange.closeAfter();
    const message = outcome.delivered
      ? 'The primary OpenTSDB did not answer; whether it acted on the request is not known'
      : 'The primary OpenTSDB cannot be reached';
    return exchange.answer(503, errorBody(503, message, outcome.cause.message), 1);
  }

  /** What is asked of an OpenTSDB is answered by it, though another is the primary by then. */
  #toPrimary(): HttpForwarder {
    const primary = this.#options.primary();
    if (primary.origin !== this.#primary.origin) {
      void this.#forwarder.retire();
      this.#primary = primary;
      this.#forwarder = new HttpForwarder(primary, () => this.#options.lane());
    }
    return this.#forwarder;
  }
}

const HARMLESS = new Set<unknown>([false, null, 0, 'false', 'False', '']);
const OVERLOAD =
  'Too many requests are in flight, from this address or from all together; try again';
const LOOP = 'The primary of this proxy passes on to this proxy';
const UNREADABLE_QUERY = 'tsdb-wal must read a query to know whether it deletes';

/** Whether OpenTSDB would delete what this body queries. Jackson takes true, "true" and any integer but 0. */
export function readDeleteFlag(body: string): 'reads' | 'deletes' | 'unreadable' {
  let query: unknown;
  try {
    query = JSON.parse(body);
  } catch {
    // What OpenTSDB can read and JSON.parse can't (NaN, text after the value) is no query that anyone sends.
    return body.trim() === '' ? 'reads' : 'unreadable';
  }
  if (typeof query !== 'object' || query === null || !('delete' in query)) return 'reads';
  const flag = query.delete;
  // Jackson looks at an integer's text: -0 is not 0 to it.
  return HARMLESS.has(flag) && !Object.is(flag, -0) ? 'reads' : 'deletes';
}
