import { type HttpQuery, parseHttpQuery, unescapeComponent } from './http-query.ts';

/** What a request asks for, by OpenTSDB's own reading of its path. */
export type HttpRoute =
  | { readonly kind: 'put'; readonly query: HttpQuery }
  | { readonly kind: 'read'; readonly query: HttpQuery }
  | { readonly kind: 'mutation'; readonly query: HttpQuery; readonly what: string }
  /** A query whose body may ask for deletion. */
  | { readonly kind: 'deleteCapableQuery'; readonly query: HttpQuery }
  | { readonly kind: 'blocked'; readonly query: HttpQuery }
  /** The API version is one that OpenTSDB refuses. */
  | {
      readonly kind: 'badVersion';
      readonly query: HttpQuery;
      readonly status: 400 | 501;
      readonly message: string;
      readonly details: string;
    }
  /** A malformed escape; OpenTSDB hangs on it. */
  | { readonly kind: 'malformed' };

const API_VERSION_MAX = 1;
const TREE_READS = new Set(['branch', 'test', 'collisions', 'notmatched']);
const QUERY_READS = new Set(['last', 'exp']);
const CHANGING = new Set(['POST', 'PUT', 'DELETE']);

/** Classifies by the verb and the request target, which starts with `/`. */
export function classifyRoute(
  method: string,
  target: string,
  blockedPaths: readonly string[],
): HttpRoute {
  const query = parseHttpQuery(target);
  const segments = pathSegments(target);
  if (query === undefined || segments === undefined) return { kind: 'malformed' };
  const version = segments[0] === 'api' ? apiVersion(segments[1]) : undefined;
  if (version?.kind === 'bad') return { ...version.route, query };
  const path = version === undefined ? segments : ['api', ...segments.slice(2)];
  if (isBlocked(path, blockedPaths)) return { kind: 'blocked', query };
  if (path[0] === 'plugin') return { kind: 'mutation', query, what: 'a request to a plugin' };
  if (path[0] !== 'api') return { kind: 'read', query };
  return classifyApi(path, method, query);
}

function classifyApi(path: readonly string[], method: string, query: HttpQuery): HttpRoute {
  const endpoint = path[1] ?? '';
  const part = path[2] ?? '';
  if (endpoint === 'put') return { kind: 'put', query };
  const effective = effectiveMethod(method, query);
  const mutation: HttpRoute = { kind: 'mutation', query, what: `${effective} ${endpoint}` };
  const changing: HttpRoute = CHANGING.has(effective) ? mutation : { kind: 'read', query };
  switch (endpoint) {
    case 'rollup':
    case 'histogram':
      return method === 'POST' ? mutation : { kind: 'read', query };
    case 'annotation':
    case 'annotations':
      return changing;
    case 'uid':
      if (part !== 'assign' && part !== 'rename') return changing;
      return method === 'GET' || method === 'POST' ? mutation : { kind: 'read', query };
    case 'tree':
      return TREE_READS.has(part) ? { kind: 'read', query } : changing;
    case 'query':
      if (QUERY_READS.has(part)) return { kind: 'read', query };
      if (effective === 'DELETE') return mutation;
      return effective === 'GET' ? { kind: 'read', query } : { kind: 'deleteCapableQuery', query };
    default:
      return { kind: 'read', query };
  }
}

/** `method_override` counts on GET only. */
function effectiveMethod(method: string, query: HttpQuery): string {
  if (method !== 'GET') return method;
  const override = query.get('method_override')?.toUpperCase();
  return override !== undefined && CHANGING.has(override) ? override : method;
}

/** The segments of a path in lower case, without empty ones at its end; undefined when an escape is malformed. */
function pathSegments(target: string): string[] | undefined {
  const end = target.indexOf('?');
  const path = unescapeComponent(end < 0 ? target : target.slice(0, end));
  if (path === undefined) return undefined;
  const segments = path.slice(1).toLowerCase().split('/');
  while (segments.at(-1) === '') segments.pop();
  return segments;
}

/** OpenTSDB takes a segment after `api` for a version when it is `v` and a digit; undefined when it is none. */
function apiVersion(segment: string | undefined) {
  if (segment === undefined || !/^v\p{Nd}/u.test(segment)) return undefined;
  const digits = segment.slice(1);
  const number = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (number <= API_VERSION_MAX) return { kind: 'good' } as const;
  const parses = number <= 0x7fff_ffff;
  const route = {
    kind: 'badVersion',
    status: parses ? 501 : 400,
    message: parses
      ? 'Requested API version is greater than the max implemented'
      : 'Invalid API version format supplied',
    details: parses
      ? `API version [${number}] is greater than the max [${API_VERSION_MAX}]`
      : `API version [${digits}] cannot be parsed to an integer`,
  } as const;
  return { kind: 'bad', route } as const;
}

/** What stops the TSD is blocked whatever the configuration says. */
function isBlocked(path: readonly string[], blockedPaths: readonly string[]): boolean {
  if (path[0] === 'diediedie') return true;
  return blockedPaths.some((blocked) => {
    const segments = blocked
      .toLowerCase()
      .split('/')
      .filter((segment) => segment !== '');
    return segments.length > 0 && segments.every((segment, index) => segment === path[index]);
  });
}
