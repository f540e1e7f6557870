import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject, type Json, JsonNumber, parseJson } from './exact-json.ts';
import { answerQuery, type FakeQuery, suggestMetrics } from './fake-query.ts';
import type { FakeTsdFaults } from './fake-tsd-faults.ts';
import { freePort } from './ports.ts';
import { TsdStorage } from './tsd-storage.ts';

export interface ReceivedPoint {
  readonly transport: 'http' | 'telnet';
  readonly metric: string;
  readonly timestamp: string;
  readonly value: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface Failure {
  readonly point: ReceivedPoint;
  readonly error: string;
  readonly kind: 'bad' | 'storage' | 'away';
}

/** How long after a thaw what came by connections that are gone is handled. */
const STALE_MS = 150;

const VERSION = `net.opentsdb.tools BuildData built at revision fake (MINT)
Built on 2021/09/08 03:26:53 +0000 by fake@fake:/fake`;

/**
 * An OpenTSDB in memory, for faults that a real one does not show on request. It knows the answers of `/api/put`,
 * `/api/version`, `/api/config`, `/api/stats`, `/api/stats/jvm` and of telnet's `put`, `version` and `exit`, both
 * protocols on one port, and checks no point.
 */
export class FakeTsd implements AsyncDisposable {
  readonly port: number;
  /** All that was stored, in the order of arrival. */
  readonly points: ReceivedPoint[] = [];
  /** By HTTP: `POST /api/put?details`. */
  readonly requests: string[] = [];
  /** The newest bodies of puts. */
  readonly bodies: string[] = [];
  /** What `/api/config` tells. */
  readonly settings: Record<string, string> = {
    'tsd.core.auto_create_metrics': 'true',
    'tsd.http.request.enable_chunked': 'true',
    'tsd.http.request.max_chunk': '16777216',
    'tsd.storage.fix_duplicates': 'true',
    'tsd.storage.flush_interval': '1000',
    'tsd.storage.max_tags': '8',
    'tsd.core.tag.allow_specialchars': '',
  };
  faults: FakeTsdFaults = {};
  /** `rpc.exceptions`, as `/api/stats` tells. */
  exceptions = 0;
  /** `hbase.nsre`, likewise. */
  nsre = 0;
  /** What becomes of the points later. */
  readonly storage = new TsdStorage();
  readonly #sockets = new Set<Socket>();
  readonly #http = createHttpServer((request, response) => void this.#answer(request, response));
  #server: Server | undefined;
  #startTime = Date.now();
  #hbaseErrors = 0;
  #frozen: { readonly thawed: Promise<void>; readonly thaw: () => void } | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<FakeTsd> {
    const tsd = new FakeTsd(await freePort());
    await tsd.start();
    return tsd;
  }

  /** Open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Of this run, epoch ms, as `/api/stats/jvm` tells it. */
  get startTime(): number {
    return this.#startTime;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens on the same port again, as a new process: another start time, counters at 0. The points stay. Nothing while it runs. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#startTime = Math.max(this.#startTime + 1, Date.now());
    this.#hbaseErrors = 0;
    this.exceptions = 0;
    this.nsre = 0;
    this.#server = createServer((socket) => this.#accept(socket)).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.storage.start(Number(this.settings['tsd.storage.flush_interval']));
  }

  /** Resets all connections and refuses new ones. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await once(server, 'close');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /**
   * As SIGSTOP does it: nothing is handled, answered or flushed until `thaw`. What arrived meanwhile is then handled,
   * whether or not its sender still waits, and that of connections which are gone comes last.
   */
  freeze(): void {
    if (this.#frozen !== undefined) return;
    let thaw = nothing;
    const thawed = new Promise<void>((resolve) => (thaw = resolve));
    this.#frozen = { thawed, thaw };
    this.storage.isFrozen = true;
  }

  thaw(): void {
    this.#frozen?.thaw();
    this.#frozen = undefined;
    this.storage.isFrozen = false;
  }

  /** As kill -9 ends it: what it did not flush is lost. */
  async crash(): Promise<void> {
    this.thaw();
    this.storage.crash();
    await this.stop();
    this.storage.crash();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.storage.stop();
    await this.stop();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause().unshift(first);
      // As OpenTSDB tells the two apart.
      if (/^[A-Z]/.test(first.toString('latin1'))) this.#http.emit('connection', socket);
      else this.#talk(socket).catch(() => socket.destroy());
      socket.resume();
    });
  }

  async #talk(socket: Socket): Promise<void> {
    for await (const line of createInterface(socket)) {
      const [, metric = '', , value = ''] = line.split(' ');
      const isPoison = this.#isPoison({ metric, value });
      if (isPoison || (line === 'version' && this.faults.cut?.('telnet') !== undefined)) {
        socket.resetAndDestroy();
        return;
      }
      await this.#turn(socket);
      const reply = this.#command(line.split(' ').filter((word) => word !== ''));
      if (this.faults.delayMs !== undefined) await sleep(this.faults.delayMs);
      if (reply === undefined) {
        socket.end();
        return;
      }
      if (reply !== '') socket.write(`${reply}\n`);
    }
  }

  /** The reply, empty for silence; undefined to end the connection. */
  #command([verb = '', ...words]: readonly string[]): string | undefined {
    if (verb === 'exit') return undefined;
    if (verb === 'version') return VERSION;
    if (verb !== 'put') return `unknown command: ${verb}.  Try \`help'.`;
    const [metric, timestamp, value, ...tags] = words;
    if (metric === undefined || timestamp === undefined || value === undefined || !tags.length) {
      return `put: illegal argument: not enough arguments (need least 4, got ${words.length})`;
    }
    const pairs = tags.map((tag): [string, string] => {
      const [key = '', name = ''] = tag.split('=', 2);
      return [key, name];
    });
    const point = { metric, timestamp, value, tags: Object.fromEntries(pairs) };
    const { kind, error } = this.#store({ transport: 'telnet', ...point }) ?? {};
    if (kind === undefined) return '';
    if (kind !== 'bad') return `put: HBase error: ${error}`;
    return `put: unknown metric: No such name for 'metrics': '${metric}'`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push(`${request.method} ${request.url}`);
    const run = this.#startTime;
    const body = await text(request).catch(() => '');
    await this.#turn(request.socket);
    if (this.faults.delayMs !== undefined) await sleep(this.faults.delayMs);
    // The process that took it is gone, or took only a part.
    if (run !== this.#startTime || this.#server === undefined || !request.complete) return;
    if (url.pathname === '/api/put') await this.#put(url.searchParams, body, response);
    else if (url.pathname === '/api/version') sendJson(response, 200, { version: 'fake' });
    else if (url.pathname === '/api/config' && this.faults.noConfig !== true) {
      sendJson(response, 200, this.settings);
    } else if (url.pathname === '/api/query' && request.method === 'POST') {
      const query = JSON.parse(body) as FakeQuery;
      const answer = this.faults.query?.(query) ?? answerQuery(this.storage, query);
      response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(answer.body);
    } else if (url.pathname === '/api/suggest') {
      const { suggestStatus: status = 200 } = this.faults;
      sendJson(response, status, suggestMetrics(this.storage, url.searchParams.get('q')));
    } else if (url.pathname === '/api/query') {
      sendJson(response, 200, this.storage.query(url.searchParams));
    } else if (url.pathname === '/api/stats') {
      sendJson(response, this.faults.statsStatus ?? 200, this.#stats());
    } else if (url.pathname === '/api/stats/jvm') {
      sendJson(response, 200, { runtime: { startTime: this.#startTime } });
    } else sendError(response, 404, 'Endpoint not found');
  }

  /** At once, unless it is frozen. */
  async #turn(socket: Socket): Promise<void> {
    if (this.#frozen === undefined) return;
    await this.#frozen.thawed;
    if (socket.destroyed) await sleep(STALE_MS);
  }

  #isPoison({ metric, value }: { readonly metric: string; readonly value: string }): boolean {
    const { poisonMetrics, poisonValues } = this.faults;
    return poisonMetrics?.has(metric) === true || poisonValues?.has(value) === true;
  }

  async #put(flags: URLSearchParams, body: string, response: ServerResponse): Promise<void> {
    const isChunked = this.settings['tsd.http.request.enable_chunked'] === 'true';
    if (!isChunked && Buffer.byteLength(body) > 8_192) {
      response.writeHead(400, { 'Content-Type': 'text/html; charset=UTF-8' });
      response.end('<html><p>Chunked request not supported.</p></html>');
      return;
    }
    if (this.faults.status !== undefined) {
      sendError(response, this.faults.status, 'a fault on request');
      return;
    }
    this.bodies.push(body);
    this.bodies.splice(0, this.bodies.length - 100);
    const points = [parseJson(body)].flat().map(parsePoint);
    const cut = this.faults.cut?.('http');
    const isPoison = points.some((point) => this.#isPoison(point));
    if (cut === 'before' || isPoison) {
      response.socket?.resetAndDestroy();
      return;
    }
    const sync = flags.has('sync');
    const all = points.map((point) => this.#store(point)).filter((one) => one !== undefined);
    // Without ?sync OpenTSDB answers before HBase does.
    const failures = sync ? all : all.filter(({ kind }) => kind !== 'storage');
    if (cut === 'after') response.socket?.resetAndDestroy();
    if (sync && this.faults.syncHangs === true) return;
    if (sync) await this.storage.synced();
    const status = failures.some(({ kind }) => kind === 'bad') ? 400 : 200;
    if (flags.has('details') || flags.has('summary')) {
      const counts = { success: points.length - failures.length, failed: failures.length };
      const timeouts = sync && flags.has('sync_timeout') ? { timeouts: 0 } : {};
      const errors = flags.has('details') ? { errors: failures.map(detailOf) } : {};
      sendJson(response, status, { ...counts, ...timeouts, ...errors });
    } else if (failures.length === 0) response.writeHead(204, { 'Content-Length': 0 }).end();
    else sendError(response, 400, 'One or more data points had errors');
  }

  #store(point: ReceivedPoint): Failure | undefined {
    if (this.faults.unknownMetrics?.has(point.metric) === true) {
      return { point, kind: 'bad', error: 'Unknown metric' };
    }
    const { away, storage } = this.faults;
    if (away?.metrics.has(point.metric) === true) {
      this.#hbaseErrors += Number(away.isTold);
      return { point, kind: away.isTold ? 'away' : 'storage', error: 'Storage exception: away' };
    }
    if (storage !== undefined) {
      this.#hbaseErrors += 1;
      return { point, kind: 'storage', error: `Storage exception: ${storage}` };
    }
    this.points.push(point);
    this.storage.write(point);
    return undefined;
  }

  #stats(): readonly object[] {
    const timestamp = Math.floor(Date.now() / 1000);
    const tags = { host: 'fake' };
    const hbaseErrors = { ...tags, type: 'hbase_errors' };
    return [
      { metric: 'tsd.rpc.exceptions', timestamp, value: `${this.exceptions}`, tags },
      { metric: 'tsd.rpc.errors', timestamp, value: `${this.#hbaseErrors}`, tags: hbaseErrors },
      { metric: 'tsd.hbase.nsre', timestamp, value: `${this.nsre}`, tags },
    ];
  }
}

function nothing(): void {}

function parsePoint(json: Json): ReceivedPoint {
  const point = isObject(json) ? json : {};
  const tags = isObject(point['tags']) ? point['tags'] : {};
  return {
    transport: 'http',
    metric: textOf(point['metric']),
    timestamp: textOf(point['timestamp']),
    value: textOf(point['value']),
    tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, textOf(value)])),
  };
}

function textOf(json: Json | undefined): string {
  if (json instanceof JsonNumber) return json.text;
  return typeof json === 'string' ? json : '';
}

function detailOf({ point, error }: Failure): object {
  const { metric, timestamp, value, tags } = point;
  return { datapoint: { metric, timestamp: Number(timestamp), value, tags }, error };
}

function sendError(response: ServerResponse, code: number, message: string): void {
  sendJson(response, code, { error: { code, message } });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { 'Content-Type': 'application/json; charset=UTF-8' };
  response.writeHead(status, { ...headers, 'Content-Length': body.length }).end(body);
}
