import { parsePutBody } from '../../opentsdb/put-body.ts';
import { echoOf } from '../../opentsdb/put-line.ts';
import {
  type PutFlags,
  parseSyncTimeout,
  putReply,
  syncTimeoutError,
} from '../../opentsdb/put-reply.ts';
import type { PointFailure, PutBodyResult } from '../../opentsdb/put-result.ts';
import type { LineBuffer } from '../../record/line-buffer.ts';
import { type BodyOutcome, decodeBody, readBody } from './http-body.ts';
import type { HttpExchange } from './http-exchange.ts';
import type { HttpQuery } from './http-query.ts';
import type { IngestOptions, RefusalReason } from '../ingest-options.ts';
import type { PutExchange } from './put-exchange.ts';
import type { Refusal, WriteOutcome } from '../write-path/write-path.ts';

type Points = Extract<PutBodyResult, { kind: 'points' }>;

/** Memory that a point takes to be told as refused, without its own text. */
const FAILURE_BYTES = 200;

/** A put on its way, after its body was parsed. */
interface Put {
  readonly exchange: PutExchange;
  readonly points: Points;
  /** The accepted lines, where they may have to be echoed. */
  readonly lines: Buffer | undefined;
  readonly flags: PutFlags;
}

/** Answers `/api/put`: body → admission → lines → log → answer. */
export class PutHandler {
  readonly #options: IngestOptions;
  readonly #lines: LineBuffer;

  /** `lines` is shared with all that submits: `submit` copies. */
  constructor(options: IngestOptions, lines: LineBuffer) {
    this.#options = options;
    this.#lines = lines;
  }

  async handle(exchange: HttpExchange, query: HttpQuery): Promise<void> {
    const { request } = exchange;
    const serializer = query.get('serializer');
    if (serializer !== undefined && serializer !== 'json') {
      const details = `Could not find a serializer with the name: ${serializer}`;
      return exchange.answerError(400, 'Requested serializer was not found', details);
    }
    if (request.method !== 'POST') {
      const details = `The HTTP method [${request.method}] is not permitted for this endpoint`;
      return exchange.answerError(405, 'Method not allowed', details);
    }
    const { limits } = this.#options;
    const read = await readBody(exchange, limits.bodyBytesMax);
    return exchange.connection.inTurn(
      () =>
        read.kind === 'body'
          ? decodeBody(request.headers, read.bytes, limits.inflatedBytesMax)
          : read,
      (body) => this.take(exchange, query, body),
    );
  }

  /**
   * Parses and submits without a pause, so that the requests of a connection are logged in their order. The bytes of
   * the body are no longer needed when it returns.
   */
  take(exchange: PutExchange, query: HttpQuery, body: BodyOutcome): void {
    if (body.kind === 'aborted') return exchange.end();
    if (body.kind === 'refused') {
      this.#countRefused(1, body.reason);
      return body.reason === 'overload'
        ? exchange.answerBusy(body.message)
        : exchange.answerError(body.status, body.message);
    }
    const grown = body.bytes.length - exchange.heldBytes;
    if (grown > 0 && !exchange.tryAcquire(grown)) {
      this.#countRefused(1, 'overload');
      return exchange.answerBusy('Too many bytes are in flight once this body is inflated');
    }
    const rules = this.#options.rules();
    this.#lines.truncate(0, 0);
    const result = parsePutBody(body.bytes, rules, this.#lines);
    if (result.kind === 'refused') {
      this.#countRefused(1, result.status === 413 ? 'too-large' : 'unreadable');
      return exchange.answerError(result.status, result.message, result.details);
    }
    exchange.hold(result.failures.length * FAILURE_BYTES);
    const flags = readFlags(query);
    if (typeof flags === 'string') {
      this.#countRefused(result.accepted + result.failures.length, 'unreadable');
      return exchange.answerError(500, flags);
    }
    const lines = this.#lines.view();
    const kept = flags.sync ? Buffer.from(lines) : undefined;
    const put = { exchange, points: result, lines: kept, flags };
    if (result.accepted === 0) return this.#finish(put, result.failures);
    const { source } = exchange.peer;
    const count = result.accepted;
    const sent = result.plain && body.bytes.subarray(result.plain.start, result.plain.end);
    const submission = { transport: 'http', source, lines, count, sent } as const;
    this.#options.writePath.submit(submission, (outcome) => this.#settle(put, outcome));
    return undefined;
  }

  #settle(put: Put, outcome: WriteOutcome): void {
    const { exchange, points, flags } = put;
    const isPlain = outcome.kind === 'accepted' && outcome.refusals.length === 0 && !flags.sync;
    try {
      if (isPlain) this.#finish(put, points.failures);
      else this.#finishOther(put, outcome).catch((error: unknown) => exchange.fail(error));
    } catch (error) {
      exchange.fail(error);
    }
  }

  async #finishOther(put: Put, outcome: WriteOutcome): Promise<void> {
    const { exchange, points, flags } = put;
    if (outcome.kind === 'unavailable') {
      const { logged = 0 } = outcome;
      if (logged > 0) this.#options.counters.received(logged, 'http');
      this.#countRefused(points.accepted - logged, 'unavailable');
      this.#countInvalid(points.failures);
      return exchange.answerBusy(outcome.reason);
    }
    if (outcome.kind === 'too large') {
      this.#countRefused(points.accepted, 'too-large');
      this.#countInvalid(points.failures);
      return exchange.answerError(413, outcome.reason);
    }
    const { refusals } = outcome;
    const stored =
      !flags.sync || refusals.length === points.accepted
        ? 'stored'
        : await this.#options.writePath.awaitStored(outcome.last, Math.max(0, flags.syncTimeoutMs));
    if (refusals.length === 0 && stored === 'stored') return this.#finish(put, points.failures);
    this.#countPrimary(refusals);
    const { failures, good } = withRefusals(put, refusals);
    if (stored === 'stored') return this.#finish(put, failures);
    return this.#finish(put, failures, good.map(echoOf));
  }

  #finish(
    { exchange, points, flags }: Put,
    failures: readonly PointFailure[],
    timedOut?: ReturnType<typeof echoOf>[],
  ): void {
    const all = points.accepted + points.failures.length;
    this.#options.counters.received(points.accepted, 'http');
    this.#countInvalid(points.failures);
    const outcome = { accepted: all - failures.length, failures };
    const reply = putReply(timedOut === undefined ? outcome : { ...outcome, timedOut }, flags);
    exchange.answer(reply.status, reply.body);
  }

  #countInvalid(failures: readonly PointFailure[]): void {
    if (failures.length > 0) this.#countRefused(failures.length, 'invalid');
  }

  /** What the primary refuses was logged, and is counted as received with the rest. */
  #countPrimary(refusals: readonly Refusal[]): void {
    if (refusals.length > 0) this.#options.counters.refused(refusals.length, 'http', 'primary');
  }

  #countRefused(points: number, reason: RefusalReason): void {
    this.#options.counters.received(points, 'http');
    this.#options.counters.refused(points, 'http', reason);
  }
}

/** The flags of a put, or OpenTSDB's message for a bad `sync_timeout`. */
function readFlags(query: HttpQuery): PutFlags | string {
  const timeout = query.get('sync_timeout');
  const syncTimeoutMs = timeout === undefined ? 0 : parseSyncTimeout(timeout);
  if (timeout !== undefined && syncTimeoutMs === undefined) return syncTimeoutError(timeout);
  const sync = query.has('sync');
  return {
    summary: query.has('summary'),
    details: query.has('details'),
    sync,
    syncTimeoutMs: sync ? (syncTimeoutMs ?? 0) : 0,
  };
}

/** All failures in input order, and the lines of the points that are none, where they were kept. */
function withRefusals(
  { lines, points }: Put,
  refusals: readonly Refusal[],
): { failures: PointFailure[]; good: string[] } {
  const failures = [...points.failures];
  const refused = new Set<number>();
  for (const { line, text, error } of refusals) {
    const index = points.inputIndexes?.[line] ?? line;
    failures.push({ index, datapoint: echoOf(text), error });
    refused.add(line);
  }
  failures.sort((a, b) => a.index - b.index);
  const texts = lines?.toString('utf8').split('\n').slice(0, points.accepted) ?? [];
  return { failures, good: texts.filter((_, line) => !refused.has(line)) };
}
