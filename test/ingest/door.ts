import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { type FrontDoor, createFrontDoor } from '../../src/ingest/front-door.ts';
import type { IngestLimits, IngestOptions } from '../../src/ingest/ingest-options.ts';
import { DEFAULT_RULES } from '../../src/opentsdb/put-rules.ts';
import { PATIENCE_MS } from '../kit/until.ts';
import { FakeWritePath } from './fake-write-path.ts';

const NO_PRIMARY = new URL('http://127.0.0.1:9');

const LIMITS: IngestLimits = {
  bodyBytesMax: 1024 * 1024,
  inflatedBytesMax: 4 * 1024 * 1024,
  connectionsMax: 100,
  idleTimeoutMs: 120_000,
  inFlightBytesMax: 64 * 1024 * 1024,
  sourceInFlightBytesMax: 32 * 1024 * 1024,
};

export interface Door {
  readonly door: FrontDoor;
  readonly port: number;
  readonly path: FakeWritePath;
  readonly counted: Record<string, number>;
  readonly markers: string[];
}

type Given = Partial<Omit<IngestOptions, 'limits' | 'primary'>> & {
  limits?: Partial<IngestLimits>;
  primary?: URL | (() => URL);
};

/** A front door on a port of its own, closed after the test. */
export async function openDoor(given: Given = {}): Promise<Door> {
  const path = new FakeWritePath();
  const { primary = NO_PRIMARY } = given;
  const counted: Record<string, number> = {};
  const markers: string[] = [];
  const add = (name: string, points: number): void => {
    counted[name] = (counted[name] ?? 0) + points;
  };
  const door = createFrontDoor({
    mutations: 'refuse',
    lane: () => '00c0ffee00c0ffee',
    blockedPaths: ['/q', '/logs'],
    rules: () => DEFAULT_RULES,
    writePath: path,
    counters: {
      received: (points) => add('received', points),
      refused: (points, _transport, reason) => add(reason, points),
      connectionRefused: () => add('connections', 1),
    },
    telnetVersion: () => 'fake version\nbuilt never\n',
    telnetStats: () => 'tsd.fake 1 1 host=a\n',
    bypassMarker: (method, target, source) => {
      markers.push(`${method} ${target} ${source.split(':')[0]}`);
      return Promise.resolve();
    },
    ...given,
    primary: typeof primary === 'function' ? primary : () => primary,
    limits: { ...LIMITS, ...given.limits },
  });
  const port = await door.listen('127.0.0.1', 0);
  onTestFinished(() => door.close(0));
  return { door, port, path, counted, markers };
}

/** A client that gathers all it is sent. */
export class Client {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
    });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.once('end', () => {
      this.closed = true;
    });
    this.socket.once('close', () => {
      this.closed = true;
    });
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
    return this;
  }

  async sent(): Promise<void> {
    if (this.socket.connecting) await once(this.socket, 'connect');
    if (this.socket.writableLength > 0) await once(this.socket, 'drain');
  }

  /** Waits until what was received satisfies the test. */
  until(test: (received: string) => boolean): Promise<string> {
    return eventually(
      () => (test(this.received) ? this.received : undefined),
      PATIENCE_MS,
      () => JSON.stringify(this.received.slice(0, 500)),
    );
  }

  untilClosed(timeoutMs = PATIENCE_MS): Promise<string> {
    return eventually(
      () => (this.closed ? this.received : undefined),
      timeoutMs,
      () => JSON.stringify(this.received.slice(0, 500)),
    );
  }
}

/** Polls until there is a value. */
export async function eventually<T>(
  probe: () => T | undefined,
  timeoutMs = PATIENCE_MS,
  seen: () => string = () => '',
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited in vain; seen: ${seen()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

export const point = (index: number): string =>
  JSON.stringify({
    metric: 'sys.cpu',
    timestamp: 1_700_000_000 + index,
    value: index,
    tags: { h: 'a' },
  });

export const put = (index: number): string => `put sys.cpu ${1_700_000_000 + index} ${index} h=a`;

/** The bytes of a POST. */
export function post(
  target: string,
  body: string | Buffer,
  headers: readonly string[] = [],
): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const head = [
    `POST ${target} HTTP/1.1`,
    'Host: x',
    `Content-Length: ${bytes.length}`,
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes]);
}

/** Statuses of the answers in a stream of them. */
export const statuses = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));

export const bodyOf = (received: string): string =>
  received.slice(received.indexOf('\r\n\r\n') + 4);

/** The answer to one request on a connection of its own. */
export async function answer(port: number, request: Buffer | string): Promise<string> {
  const client = new Client(port);
  client.send(request);
  return client.until((received) => {
    const length = /content-length: (\d+)/i.exec(received)?.[1];
    return length !== undefined && bodyOf(received).length >= Number(length);
  });
}
