import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import type { HttpRequest, TelnetRequest } from './cases.ts';

const LIMITS = { answerMsMax: 15_000, closeProbeMs: 500, telnetIdleMs: 700 } as const;
const SPLIT_PAUSE_MS = 100;
const SENTINEL = 'zz-sentinel';
const SENTINEL_REPLY = `unknown command: ${SENTINEL}.  Try \`help'.\n`;
const GZIP_TRAILER_BYTES = 8;

const COMPRESS = {
  gzip: (body: Buffer): Buffer => gzipSync(body),
  deflate: (body: Buffer): Buffer => deflateSync(body),
  'gzip-no-trailer': (body: Buffer): Buffer => gzipSync(body).subarray(0, -GZIP_TRAILER_BYTES),
} as const;

export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Fills in the placeholders. */
export type Fill = (text: string) => string;

/** Sends the requests pipelined on one connection and reads up to `count` answers. */
export async function exchangeHttp(
  base: string,
  requests: readonly HttpRequest[],
  { fill, count = requests.length, probe = false }: { fill: Fill; count?: number; probe?: boolean },
): Promise<{ readonly responses: readonly HttpResponse[]; readonly closed: boolean }> {
  const connection = await Connection.open(base);
  try {
    for (const request of requests) {
      for (const [index, part] of encodeRequest(request, fill).entries()) {
        if (index > 0) await sleep(SPLIT_PAUSE_MS);
        connection.write(part);
      }
    }
    const responses: HttpResponse[] = [];
    while (responses.length < count) {
      const { method = 'GET' } = requests[Math.min(responses.length, requests.length - 1)] ?? {};
      const response = await connection.response(method);
      if (response === undefined) break;
      responses.push(response);
    }
    return { responses, closed: connection.ended || (probe && (await connection.endsSoon())) };
  } finally {
    connection.close();
  }
}

/** Sends the lines, and gives what came back before the reply to the sentinel, or before a silence. */
export async function exchangeTelnet(
  base: string,
  request: TelnetRequest,
  fill: Fill,
): Promise<{ readonly reply: string; readonly closed: boolean }> {
  const { sentinel = true, pause = 0, idle } = request;
  const connection = await Connection.open(base);
  try {
    const parts =
      request.rawB64?.map((part) => Buffer.from(part, 'base64')) ??
      (request.lines ?? []).map((line) => encodeText(fill(line), request.charset ?? 'latin-1'));
    for (const [index, part] of parts.entries()) {
      if (index > 0 && pause > 0) await sleep(pause * 1000);
      connection.write(part);
    }
    if (sentinel) connection.write(Buffer.from(`${SENTINEL}\n`));
    const idleMs = idle === undefined ? LIMITS.telnetIdleMs : idle * 1000;
    const text = await connection.textUntil(
      sentinel ? SENTINEL_REPLY : undefined,
      sentinel ? LIMITS.answerMsMax : idleMs,
    );
    const reply =
      sentinel && text.endsWith(SENTINEL_REPLY) ? text.slice(0, -SENTINEL_REPLY.length) : text;
    return { reply, closed: connection.ended };
  } finally {
    connection.close();
  }
}

/** The pieces to be sent, with a pause between two. */
function encodeRequest(request: HttpRequest, fill: Fill): readonly Buffer[] {
  if (request.rawB64 !== undefined) return [Buffer.from(request.rawB64, 'base64')];
  if (request.raw !== undefined) return [encodeText(fill(request.raw), 'latin-1')];
  const { method = 'GET', path = '/', version = '1.1', chunked, split = false } = request;
  const body = encodeBody(request, fill);
  const headers: Record<string, string | null> = {
    ...(version === '1.0' ? {} : { Host: 'tsd' }),
    ...framing(body, chunked),
    ...request.headers,
  };
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${fill(value ?? '')}\r\n`);
  const head = Buffer.from(`${method} ${fill(path)} HTTP/${version}\r\n${lines.join('')}\r\n`);
  if (body === undefined) return [head];
  if (chunked !== undefined) return [Buffer.concat([head, ...chunks(body, chunked)])];
  return split ? [head, body] : [Buffer.concat([head, body])];
}

function framing(body: Buffer | undefined, chunked: number | undefined): Record<string, string> {
  if (body === undefined) return {};
  if (chunked !== undefined) return { 'Transfer-Encoding': 'chunked' };
  return { 'Content-Length': `${body.length}` };
}

function encodeBody(request: HttpRequest, fill: Fill): Buffer | undefined {
  const { body, bodyB64, pad = 0, encode, charset = 'utf-8' } = request;
  if (bodyB64 === undefined && (body === undefined || body === null)) return undefined;
  const text =
    bodyB64 === undefined ? encodeText(fill(body ?? ''), charset) : Buffer.from(bodyB64, 'base64');
  const padded = Buffer.concat([text, Buffer.alloc(Math.max(0, pad - text.length), ' ')]);
  return encode === undefined ? padded : COMPRESS[encode](padded);
}

function chunks(body: Buffer, bytes: number): readonly Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < body.length; at += bytes) {
    const chunk = body.subarray(at, at + bytes);
    out.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return [...out, Buffer.from('0\r\n\r\n')];
}

function encodeText(text: string, charset: 'latin-1' | 'utf-8'): Buffer {
  return Buffer.from(text, charset === 'latin-1' ? 'latin1' : 'utf8');
}

/** A connection of which the bytes are read by hand, since its framing is what is tested. */
class Connection {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    // A reset is an end too; what was to be said of it, the missing answer says.
    socket.on('end', end).on('error', end).on('close', end);
    socket.on('data', (data: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      this.#wake?.();
    });
  }

  static async open(base: string): Promise<Connection> {
    const [host, port] = base.split(':');
    const socket = connect({ host: host ?? '127.0.0.1', port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  async endsSoon(): Promise<boolean> {
    await this.#more(LIMITS.closeProbeMs).catch(() => undefined);
    return this.#ended;
  }

  /** All text until it ends with `end`, the connection ends, or nothing comes for `idleMs`. */
  async textUntil(end: string | undefined, idleMs: number): Promise<string> {
    for (;;) {
      const text = this.#buffer.toString('latin1');
      if (end !== undefined && text.endsWith(end)) return text;
      const more = await this.#more(idleMs).catch(() => false);
      if (!more) return this.#buffer.toString('latin1');
    }
  }

  /** Undefined when the connection ends before the head is complete. */
  async response(method: string): Promise<HttpResponse | undefined> {
    let headBytes: number;
    while ((headBytes = this.#buffer.indexOf('\r\n\r\n')) < 0) {
      if (!(await this.#more())) return undefined;
    }
    const [first = '', ...lines] = this.#take(headBytes).toString('latin1').split('\r\n');
    this.#take(4);
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(first.split(' ')[1]);
    const body = await this.#body({ method, status, headers });
    const gzipped = headers.get('content-encoding') === 'gzip';
    return { status, headers, body: gzipped ? gunzipSync(body) : body };
  }

  async #body(head: {
    readonly method: string;
    readonly status: number;
    readonly headers: ReadonlyMap<string, string>;
  }): Promise<Buffer> {
    const contentLength = head.headers.get('content-length');
    if (head.status === 100) return Buffer.alloc(0);
    if (contentLength !== undefined) {
      // OpenTSDB answers a HEAD that it refuses with a body.
      if (head.method === 'HEAD' && this.#buffer.length === 0) return Buffer.alloc(0);
      return this.#exactly(Number(contentLength));
    }
    if (head.headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return this.#chunks();
    if (head.status === 204 || head.status === 304) return Buffer.alloc(0);
    while (await this.#more());
    return this.#take(this.#buffer.length);
  }

  async #chunks(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      let lineBytes: number;
      while ((lineBytes = this.#buffer.indexOf('\r\n')) < 0) {
        if (!(await this.#more())) return Buffer.concat(parts);
      }
      const bytes = Number.parseInt(this.#take(lineBytes).toString('latin1'), 16);
      this.#take(2);
      parts.push(await this.#exactly(bytes));
      await this.#exactly(2);
      if (bytes === 0) return Buffer.concat(parts);
    }
  }

  async #exactly(bytes: number): Promise<Buffer> {
    while (this.#buffer.length < bytes && (await this.#more()));
    return this.#take(bytes);
  }

  #take(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes);
    this.#buffer = this.#buffer.subarray(bytes);
    return taken;
  }

  /** Whether more bytes came before the end; rejects when neither came in time. */
  async #more(timeoutMs: number = LIMITS.answerMsMax): Promise<boolean> {
    const before = this.#buffer.length;
    const timer = new AbortController();
    const late = sleep(timeoutMs, 'late', { signal: timer.signal });
    late.catch(() => undefined);
    while (this.#buffer.length === before && !this.#ended) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      if ((await Promise.race([woken, late])) === 'late') throw new Error('no answer');
    }
    timer.abort();
    return this.#buffer.length > before;
  }
}
