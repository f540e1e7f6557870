import {
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, fastify } from 'fastify';
import { errorBody } from '../../opentsdb/put-reply.ts';
import type { LineBuffer } from '../../record/line-buffer.ts';
import type { Admission } from '../admission.ts';
import { HttpConnection, TIMED_OUT } from './http-connection.ts';
import { HttpExchange, JSON_TYPE } from './http-exchange.ts';
import { PutHandler } from './http-put.ts';
import { classifyRoute, type HttpRoute } from './http-route.ts';
import type { IngestOptions } from '../ingest-options.ts';
import { PassThrough } from './pass-through.ts';
import { PutHeads } from './put-head.ts';
import { type PlainContext, PlainConnection } from './plain-connection.ts';
import type { SharedReads } from '../shared-read.ts';
import type { SpareBuffers } from '../spare-buffers.ts';
import { Turns } from './turns.ts';

const LIMITS = {
  headerBytesMax: 8_192,
  headersTimeoutMsMax: 30_000,
  /** A body under way holds its place in the budgets. */
  requestTimeoutMs: 300_000,
  /** Nothing of a body comes, or nothing of an answer is taken, for so long: the connection is cut. */
  stallMsMax: 60_000,
  checkIntervalMsMax: 5_000,
} as const;

export interface HttpServerParts {
  readonly options: IngestOptions;
  readonly admission: Admission;
  readonly lines: LineBuffer;
  readonly spare: SpareBuffers;
  readonly reads: SharedReads;
}

/** The HTTP side of the front door: it listens on nothing and is given its sockets. */
export class HttpServer {
  readonly #options: IngestOptions;
  readonly #admission: Admission;
  readonly #puts: PutHandler;
  readonly #passThrough: PassThrough;
  readonly #server: Server;
  readonly #app: FastifyInstance;
  readonly #reads: SharedReads;
  readonly #plain = new Map<Socket, PlainConnection>();
  readonly #plainContext: PlainContext;
  readonly #connections = new Map<Socket, HttpConnection>();
  #isStopping = false;
  readonly #turns = new Turns();
  /** By request target: what collectors ask for is the same each time. */
  readonly #putRoutes = new Map<string, HttpRoute>();

  constructor({ options, admission, lines, spare, reads }: HttpServerParts) {
    this.#options = options;
    this.#admission = admission;
    this.#reads = reads;
    this.#puts = new PutHandler(options, lines);
    const { bodyBytesMax, idleTimeoutMs } = options.limits;
    this.#plainContext = {
      admission,
      heads: new PutHeads(options.blockedPaths),
      puts: this.#puts,
      spare,
      bodyBytesMax,
      idleTimeoutMs,
      stallMs: Math.min(patienceMs(options), LIMITS.stallMsMax),
      handOver: (socket, bytes) => this.#acceptOther(socket, bytes),
    };
    this.#passThrough = new PassThrough(options);
    let server = createServer();
    this.#app = fastify({
      serverFactory: (handler) => {
        server = this.#createServer(handler);
        return server;
      },
      clientErrorHandler: (fault, socket) => {
        this.#connections.get(socket)?.breakOff(faultReply(fault));
      },
      // A path that the router can't decode is answered like any other.
      frameworkErrors: (_error, request, reply) => {
        reply.hijack();
        this.#handle(request.raw, reply.raw);
      },
    });
    this.#server = server;
    this.#app.removeAllContentTypeParsers();
    // Before the router's view of bodies and content types, which OpenTSDB does not share.
    this.#app.addHook('onRequest', (request, reply, done) => {
      reply.hijack();
      this.#handle(request.raw, reply.raw);
      done();
    });
  }

  async run(): Promise<void> {
    await this.#app.ready();
    // Without this Node tracks no connections and enforces no time-out.
    this.#server.emit('listening');
  }

  /** Takes over a socket of which `first` was read, which it uses up or copies. */
  accept(socket: Socket, first: Buffer): void {
    const connection = new PlainConnection(socket, this.#plainContext);
    this.#plain.set(socket, connection);
    socket.once('close', () => this.#plain.delete(socket));
    this.#reads.direct(socket, (bytes) => connection.receive(bytes));
    connection.run();
    connection.receive(first);
  }

  /** To Node's HTTP; `unread` is put back, as if it had not been read. */
  #acceptOther(socket: Socket, unread: Buffer): void {
    this.#plain.delete(socket);
    this.#reads.direct(socket, undefined);
    if (unread.length > 0) socket.unshift(unread);
    const connection = new HttpConnection(socket, this.#turns);
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    this.#server.emit('connection', socket);
    connection.run();
    connection.closing = this.#isStopping;
    socket.resume();
  }

  /** Answers what is asked already, lets each connection end with its answer, and ends the idle ones. */
  stop(): void {
    this.#isStopping = true;
    for (const connection of this.#connections.values()) connection.closing = true;
    this.#server.closeIdleConnections();
    // One that hands over what it has read of a request is not idle, though Node has not seen it.
    for (const connection of this.#plain.values()) connection.stop();
  }

  /** To be called when no connection is left. */
  async close(): Promise<void> {
    await this.#app.close();
    // Ends Node's check of time-outs.
    this.#server.close();
    await this.#passThrough.close();
  }

  #createServer(handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
    const { idleTimeoutMs } = this.#options.limits;
    const patience = patienceMs(this.#options);
    const answer: RequestListener = (request, response) => {
      // OpenTSDB sends none.
      response.sendDate = false;
      // The hot path needs nothing of the framework, which costs a tenth of it.
      if (request.url !== undefined && this.#putRoutes.has(request.url)) {
        this.#handle(request, response);
      } else handler(request, response);
    };
    const server = createServer(
      {
        maxHeaderSize: LIMITS.headerBytesMax,
        keepAliveTimeout: idleTimeoutMs,
        headersTimeout: Math.min(patience, LIMITS.headersTimeoutMsMax),
        requestTimeout: LIMITS.requestTimeoutMs,
        connectionsCheckingInterval: Math.min(patience / 2, LIMITS.checkIntervalMsMax),
        requireHostHeader: false,
      },
      answer,
    );
    // Headers beyond a count would be passed over, the length of the body among them.
    server.maxHeadersCount = 0;
    // As OpenTSDB, which answers 100 to what it knows and passes over the rest.
    server.on('checkExpectation', answer);
    server.timeout = Math.min(patience, LIMITS.stallMsMax);
    server.on('timeout', (socket: Socket) => this.#connections.get(socket)?.stall());
    // A client that has sent all and ended still gets its answers.
    return Object.assign(server, { httpAllowHalfOpen: true });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) {
      // The client was gone before its request was parsed.
      request.socket.destroy();
      return;
    }

    const exchange = new HttpExchange(request, response, connection, this.#admission);
    this.#route(exchange).catch((error: unknown) => exchange.fail(error));
  }

  #classify(method: string, url: string): HttpRoute {
    const known = this.#putRoutes.get(url);
    if (known !== undefined) return known;
    const route = classifyRoute(method, url, this.#options.blockedPaths);
    // The method has no part in what makes a put.
    if (route.kind === 'put' && this.#putRoutes.size < PUT_ROUTES_MAX) {
      this.#putRoutes.set(url, route);
    }
    return route;
  }

  async #route(exchange: HttpExchange): Promise<void> {
    const { method = '', url = '', httpVersionMajor } = exchange.request;
    if (httpVersionMajor === 0) return exchange.hangUp();
    if (!url.startsWith('/')) return exchange.answerBare(400);
    const route = this.#classify(method, url);
    if (route.kind === 'malformed') {
      return exchange.answerError(400, 'The path or query has a malformed %-escape');
    }
    const callback = route.query.get('jsonp');
    if (callback !== undefined && !/^[\w.$]+$/.test(callback)) {
      return exchange.answerError(400, 'The jsonp parameter is not a name');
    }
    exchange.jsonp = callback;
    switch (route.kind) {
      case 'put':
        return this.#puts.handle(exchange, route.query);
      case 'badVersion':
        return exchange.answerError(route.status, route.message, route.details);
      case 'blocked':
        return exchange.answerError(403, 'tsdb-wal does not pass this path on');
      case 'read':
      case 'mutation':
      case 'deleteCapableQuery':
        return this.#passThrough.handle(exchange, route);
    }
  }
}

function patienceMs({ limits }: IngestOptions): number {
  return limits.idleTimeoutMs === 0 ? Number.POSITIVE_INFINITY : limits.idleTimeoutMs;
}

/** More targets of puts than these are classified anew each time. */
const PUT_ROUTES_MAX = 100;

interface ClientFault {
  readonly code: string;
  readonly rawPacket: unknown;
}

const BARE_400 = 'HTTP/1.1 400 Bad Request\r\n\r\n';

/** What OpenTSDB sends before it closes on what is no HTTP request; often nothing. */
function faultReply({ code, rawPacket }: ClientFault): string {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return TIMED_OUT;
  if (code === 'HPE_HEADER_OVERFLOW' || !Buffer.isBuffer(rawPacket)) return '';
  const line = /^([A-Z]+) (\S+) HTTP\/\d\.\d\r?\n/.exec(rawPacket.toString('latin1', 0, 4_096));
  const [, verb = '', target = ''] = line ?? [];
  if (code !== 'HPE_INVALID_METHOD') return line === null ? '' : BARE_400;
  if (!target.startsWith('/')) return '';
  const details = `The HTTP method [${verb}] is not permitted for this endpoint`;
  const body = errorBody(405, 'Method not allowed', details);
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 405 Method Not Allowed\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}
