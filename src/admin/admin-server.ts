import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { WalError } from '../runtime/errors.ts';
import { listenFailed } from '../runtime/listen-failed.ts';
import type { Metrics } from '../runtime/metrics.ts';

const LIMITS = {
  connectionsMax: 64,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 60_000,
  bodyBytesMax: 1_048_576,
} as const;

export interface Health {
  /** Whether writes are being taken. */
  readonly ok: boolean;
  /** Why not. */
  readonly reasons: readonly string[];
  /** What works with less than usual, as a follower that is behind; never makes `ok` false. */
  readonly degraded: readonly string[];
}

export interface AdminServerOptions {
  /** Anything JSON can hold, and bigints, which are shown as text; a promise of it, too. */
  status(): unknown;
  health(): Health | Promise<Health>;
  /** True when the front door listens and the log is open. */
  ready(): boolean | Promise<boolean>;
  readonly metrics: Pick<Metrics, 'scrape'>;
  /**
   * What operators may ask for, by path, as `POST /pause`; each is given the JSON that came, undefined for none, and answers with what it
   * resolves to. A WalError is answered 409. Pages in a browser may not ask.
   */
  readonly actions?: Readonly<Record<string, (body: unknown) => Promise<unknown>>>;
}

export interface AdminServer {
  /** Resolves with the port, once requests are answered; throws LISTEN_FAILED when the address cannot be had. */
  start(address: { readonly host: string; readonly port: number }): Promise<number>;

  /** Ends open connections too; a second call does nothing. */
  close(): Promise<void>;
}

/** What operators and their tools ask: health, readiness, metrics, status. Only what `actions` offers changes anything. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const server = fastify({
    bodyLimit: LIMITS.bodyBytesMax,
    requestTimeout: LIMITS.requestTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
    forceCloseConnections: true,
  });
  server.server.maxConnections = LIMITS.connectionsMax;
  addBodies(server);
  addRoutes(server, options);
  addErrors(server, Object.keys(options.actions ?? {}));
  return {
    start: async ({ host, port }) => {
      try {
        await server.listen({ host, port });
      } catch (error) {
        throw listenFailed('admin', { host, port }, error);
      }
      const bound = server.server.address();
      return typeof bound === 'object' && bound !== null ? bound.port : port;
    },
    close: () => server.close(),
  };
}

function addRoutes(server: FastifyInstance, options: AdminServerOptions): void {
  server.get('/health', async (_request, reply) => {
    const health = await options.health();
    return sendJson(reply.code(health.ok ? 200 : 503), health);
  });
  server.get('/ready', async (_request, reply) => {
    const ready = await options.ready();
    return sendJson(reply.code(ready ? 200 : 503), { ready });
  });
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await options.metrics.scrape();
    return reply.header('content-type', contentType).send(text);
  });
  server.get('/status', async (_request, reply) => sendJson(reply, await options.status()));
  for (const [path, act] of Object.entries(options.actions ?? {})) {
    server.post(path, async (request, reply) => {
      if (isOfPage(request)) return sendJson(reply.code(403), { error: NOT_FOR_PAGES });
      return sendJson(reply, await act(request.body ?? undefined));
    });
  }
}

/** A body is JSON, whatever its content type says: `curl -d` calls it a form. */
function addBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, text === '' ? undefined : JSON.parse(String(text)));
    } catch (error) {
      const says = `the body is no JSON: ${(error as Error).message}`;
      done(Object.assign(new Error(says), { statusCode: 400 }));
    }
  });
}

/** Browsers name the page that sends a POST, and no page can leave that out: any that an operator looks at could ask, too. */
function isOfPage({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

const NOT_FOR_PAGES = 'what changes something is not taken from a page in a browser';

function addErrors(server: FastifyInstance, actions: readonly string[]): void {
  server.setNotFoundHandler((request, reply) =>
    sendJson(reply.code(404), {
      error: `${request.method} ${request.url} is not here`,
      paths: ['/health', '/ready', '/metrics', '/status', ...actions.map((path) => `POST ${path}`)],
    }),
  );
  server.setErrorHandler((error, _request, reply) => {
    if (error instanceof WalError) {
      const { code, message: says, hint } = error;
      return sendJson(reply.code(409), { error: says, code, hint: hint ?? null });
    }
    const { statusCode } = error as { statusCode?: number };
    const message = error instanceof Error ? error.message : String(error);
    return sendJson(reply.code(statusCode ?? 500), { error: message });
  });
}

function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  const text = JSON.stringify(value, (_key, part: unknown) => formatBigint(part), 2);
  return reply
    .header('content-type', 'application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(`${text}\n`);
}

function formatBigint(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
