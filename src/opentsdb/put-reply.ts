import type { EchoedPoint, PointFailure } from './put-result.ts';

/** The query string's flags of a put: present or not, whatever their value. */
export interface PutFlags {
  readonly summary: boolean;
  readonly details: boolean;
  /** Decides when the reply is due, not what it says. */
  readonly sync: boolean;
  /** Milliseconds; 0: none given. */
  readonly syncTimeoutMs: number;
}

export interface PutOutcome {
  /** Points that passed, the timed-out ones among them. */
  readonly accepted: number;
  /** In input order. */
  readonly failures: readonly PointFailure[];
  /** The accepted points not proven stored when `sync_timeout` ended, if it did. */
  readonly timedOut?: readonly EchoedPoint[];
}

export interface HttpReply {
  readonly status: number;
  /** JSON; undefined: an empty body. */
  readonly body: string | undefined;
}

const SEE_LOGS = 'Please see the TSD logs or append "details" to the put request';

/** OpenTSDB's answer to a put whose body could be read (opentsdb-write-api 2.6). */
export function putReply(outcome: PutOutcome, flags: PutFlags): HttpReply {
  const { accepted, failures, timedOut } = outcome;
  const status = failures.length > 0 || timedOut !== undefined ? 400 : 200;
  if (flags.summary || flags.details) return { status, body: summaryBody(outcome, flags) };
  if (status === 200) return { status: 204, body: undefined };
  const stored = accepted - (timedOut?.length ?? 0);
  const message =
    timedOut === undefined
      ? 'One or more data points had errors'
      : `The put call has timedout with ${stored} successful writes, 0 failed writes and ${timedOut.length} timed out writes.`;
  return { status, body: errorBody(400, message, SEE_LOGS) };
}

/** OpenTSDB's error body, without the `trace` that it may add. */
export function errorBody(code: number, message: string, details?: string): string {
  return JSON.stringify({ error: { code, message, ...(details ? { details } : {}) } });
}

/** The body for `?jsonp=callback`: only what has a body is wrapped. */
export function wrapJsonp({ status, body }: HttpReply, callback: string): HttpReply {
  return { status, body: body === undefined ? undefined : `${callback}(${body})` };
}

/** Java's `Integer.parseInt` for `sync_timeout`; undefined: OpenTSDB answers 500 with `syncTimeoutError`. */
export function parseSyncTimeout(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const timeoutMs = Number(text);
  return timeoutMs >= -(2 ** 31) && timeoutMs < 2 ** 31 ? timeoutMs : undefined;
}

export const syncTimeoutError = (text: string): string => `For input string: "${text}"`;

function summaryBody({ accepted, failures, timedOut = [] }: PutOutcome, flags: PutFlags): string {
  const success = accepted - timedOut.length;
  const timeouts = flags.syncTimeoutMs > 0 ? `"timeouts":${timedOut.length},` : '';
  const errors = flags.details ? `,"errors":[${errorEntries(failures, timedOut)}]` : '';
  return `{"success":${success},${timeouts}"failed":${failures.length}${errors}}`;
}

function errorEntries(failures: readonly PointFailure[], timedOut: readonly EchoedPoint[]): string {
  return [
    ...failures.map(({ datapoint, error }) => errorEntry(datapoint, error)),
    ...timedOut.map((datapoint) => errorEntry(datapoint, 'Write timedout')),
  ].join(',');
}

function errorEntry(datapoint: EchoedPoint | null, error: string): string {
  return `{"datapoint":${datapoint === null ? 'null' : pointJson(datapoint)},"error":${JSON.stringify(error)}}`;
}

/** By hand, as the timestamp is a number that JavaScript may not hold. */
function pointJson({ metric, timestamp, value, tags }: EchoedPoint): string {
  const members = [
    ...(metric === undefined ? [] : [`"metric":${JSON.stringify(metric)}`]),
    `"timestamp":${timestamp}`,
    ...(value === undefined ? [] : [`"value":${JSON.stringify(value)}`]),
    ...(tags === undefined ? [] : [`"tags":${JSON.stringify(tags)}`]),
  ];
  return `{${members.join(',')}}`;
}
