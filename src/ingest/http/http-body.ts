import {
  constants,
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';
import type { IncomingHttpHeaders } from 'node:http';
import type { RefusalReason } from '../ingest-options.ts';
import { EXCHANGE_BYTES, type HttpExchange } from './http-exchange.ts';
import { SerialQueue } from '../../runtime/serial-queue.ts';

export type BodyOutcome =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | {
      readonly kind: 'refused';
      readonly status: 400 | 413 | 503;
      readonly message: string;
      readonly reason: RefusalReason;
    }
  /** The client hung up. */
  | { readonly kind: 'aborted' };

const EMPTY = Buffer.alloc(0);
/** What inflates to more, or is larger itself, would keep others waiting: another thread does it. */
const SYNC_INFLATED_BYTES_MAX = 1024 * 1024;
const SYNC_INFLATE_BYTES_MAX = 64 * 1024;

const OVERLOAD: BodyOutcome = {
  kind: 'refused',
  status: 503,
  message: 'Too many bytes are in flight, from this address or from all together; try again',
  reason: 'overload',
};

const tooLarge = (what: string, bytesMax: number): BodyOutcome => ({
  kind: 'refused',
  status: 413,
  message: `The ${what} is larger than the limit of ${bytesMax} bytes`,
  reason: 'too-large',
});

const unreadable = (message: string): BodyOutcome => ({
  kind: 'refused',
  status: 400,
  message,
  reason: 'unreadable',
});

/** Reads the body as it travelled, within the limit and the budgets. A refusal may leave it partly unread. */
export function readBody(exchange: HttpExchange, bytesMax: number): Promise<BodyOutcome> {
  const { request } = exchange;
  const length = request.headers['content-length'];
  const declared = length === undefined ? 0 : Number(length);
  if (declared > bytesMax) {
    exchange.closeAfter();
    return Promise.resolve(tooLarge('body', bytesMax));
  }
  if (!exchange.tryAcquire(declared + EXCHANGE_BYTES)) return Promise.resolve(OVERLOAD);
  if (declared === 0 && request.headers['transfer-encoding'] === undefined) {
    return Promise.resolve({ kind: 'body', bytes: EMPTY });
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = (outcome: BodyOutcome): void => {
      request.off('data', take);
      exchange.closeAfter();
      resolve(outcome);
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bytesMax) refuse(tooLarge('body', bytesMax));
      else if (length === undefined && !exchange.tryAcquire(chunk.length)) refuse(OVERLOAD);
      else chunks.push(chunk);
    };
    request.on('data', take);
    request.on('end', () => {
      const only = chunks.length === 1 ? chunks[0] : undefined;
      resolve({ kind: 'body', bytes: only ?? Buffer.concat(chunks) });
    });
    // After 'end' this changes nothing.
    request.on('close', () => resolve({ kind: 'aborted' }));
  });
}

/** Undoes Content-Encoding and a charset other than UTF-8. Only what is large, packed or not, is left to another thread. */
export function decodeBody(
  headers: IncomingHttpHeaders,
  body: Buffer,
  inflatedBytesMax: number,
): BodyOutcome | Promise<BodyOutcome> {
  const coding = headers['content-encoding']?.trim().toLowerCase();
  const type = headers['content-type'];
  if (coding !== 'gzip' && coding !== 'x-gzip' && coding !== 'deflate') {
    return transcode(type, body);
  }
  if (body.length === 0) return { kind: 'body', bytes: body };
  if (body.length <= SYNC_INFLATE_BYTES_MAX) {
    const bytesMax = Math.min(inflatedBytesMax, SYNC_INFLATED_BYTES_MAX);
    try {
      return transcode(type, syncInflater(coding, body)(body, inflateOptions(bytesMax)));
    } catch (error) {
      const failure = inflateFailure(error, coding, inflatedBytesMax);
      const isLarge = failure.kind === 'refused' && failure.reason === 'too-large';
      if (!isLarge || bytesMax === inflatedBytesMax) return failure;
    }
  }
  return inflations
    .run(() => inflateAsync(coding, body, inflatedBytesMax))
    .then((outcome) => (outcome.kind === 'body' ? transcode(type, outcome.bytes) : outcome));
}

/** Large inflations run one after the other: each may need `inflatedBytesMax` of memory. */
const inflations = new SerialQueue();

function inflateAsync(coding: string, body: Buffer, bytesMax: number): Promise<BodyOutcome> {
  const inflater = coding === 'deflate' ? (isZlib(body) ? inflate : inflateRaw) : gunzip;
  return new Promise((resolve) => {
    inflater(body, inflateOptions(bytesMax), (error, bytes) => {
      resolve(error === null ? { kind: 'body', bytes } : inflateFailure(error, coding, bytesMax));
    });
  });
}

function syncInflater(coding: string, body: Buffer): typeof gunzipSync {
  if (coding !== 'deflate') return gunzipSync;
  return isZlib(body) ? inflateSync : inflateRawSync;
}

/** Netty takes `deflate` with and without the zlib head. */
function isZlib(body: Buffer): boolean {
  return body.length >= 2 && ((body[0] ?? 0) & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}

/** A missing trailer is accepted, as OpenTSDB does. */
const inflateOptions = (bytesMax: number) => ({
  finishFlush: constants.Z_SYNC_FLUSH,
  maxOutputLength: bytesMax,
});

function inflateFailure(error: unknown, coding: string, bytesMax: number): BodyOutcome {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge('inflated body', bytesMax);
  return unreadable(`The body is not readable as ${coding}`);
}

function transcode(type: string | undefined, body: Buffer): BodyOutcome {
  const charset =
    type === undefined ? undefined : /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1];
  switch (charset?.toLowerCase()) {
    case undefined:
    case 'utf-8':
    case 'utf8':
    case 'us-ascii':
      return { kind: 'body', bytes: body };
    case 'iso-8859-1':
    case 'iso8859-1':
    case 'latin1':
      return { kind: 'body', bytes: Buffer.from(body.toString('latin1'), 'utf8') };
    default:
      return unreadable(`The charset ${charset} is not supported`);
  }
}
