import { describe, expect, test } from 'vitest';
import { parseHttpQuery, unescapeComponent } from '../../../src/ingest/http/http-query.ts';
import { classifyRoute } from '../../../src/ingest/http/http-route.ts';

const BLOCKED = ['/q', '/logs', '/api/config'];
const kindOf = (method: string, target: string): string =>
  classifyRoute(method, target, BLOCKED).kind;

describe('a route', () => {
  test.each([
    ['POST /api/put', 'put'],
    ['POST /API/V1/Put/?x', 'put'],
    ['POST /api/%70ut', 'put'],
    ['POST /api%2Fput', 'put'],
    ['POST /api/v0/put', 'put'],
    ['GET /api/put', 'put'],
    ['POST /put', 'read'],
    ['POST /api//put', 'read'],
    ['POST //api/put', 'read'],
    ['POST /api/vx/put', 'read'],
    ['POST /api', 'read'],
    ['POST /api/v1', 'read'],
    ['POST /api/v2/put', 'badVersion'],
    ['POST /api/v1x/put', 'badVersion'],
    ['POST /api/v99999999999/put', 'badVersion'],
    ['POST /api/%zz', 'malformed'],
    ['GET /api/query?m=%', 'malformed'],
    ['POST /api/rollup', 'mutation'],
    ['GET /api/rollup', 'read'],
    ['POST /api/histogram', 'mutation'],
    ['GET /api/annotation?tsuid=1', 'read'],
    ['GET /api/annotation?method_override=PUT', 'mutation'],
    ['POST /api/annotation?method_override=get', 'mutation'],
    ['DELETE /api/annotations/bulk', 'mutation'],
    ['GET /api/uid/assign?metric=a', 'mutation'],
    ['GET /api/v1/UID/Rename?metric=a&name=b', 'mutation'],
    ['POST /api/uid/%61ssign', 'mutation'],
    ['GET /api/uid/uidmeta?uid=1', 'read'],
    ['GET /api/uid/tsmeta?m=a&create=true&method_override=post', 'mutation'],
    ['PUT /api/uid/uidmeta', 'mutation'],
    ['POST /api/tree', 'mutation'],
    ['GET /api/tree?method_override=delete', 'mutation'],
    ['PUT /api/tree/rules', 'mutation'],
    ['POST /api/tree/branch', 'read'],
    ['POST /api/tree/test', 'read'],
    ['GET /api/query?m=a', 'read'],
    ['POST /api/query', 'deleteCapableQuery'],
    ['POST /api/query/gexp', 'deleteCapableQuery'],
    ['POST /api/query/last', 'read'],
    ['POST /api/query/exp', 'read'],
    ['DELETE /api/query', 'mutation'],
    ['GET /api/query?method_override=Delete', 'mutation'],
    ['GET /api/suggest?type=metrics', 'read'],
    ['GET /api/dropcaches', 'read'],
    ['GET /plugin/x', 'mutation'],
    ['GET /', 'read'],
    ['GET /q?start=1', 'blocked'],
    ['GET /Q/', 'blocked'],
    ['GET /logs', 'blocked'],
    ['GET /queue', 'read'],
    ['GET /api/v1/config/filters', 'blocked'],
    ['GET /diediedie', 'blocked'],
    ['POST /%64iediedie/now', 'blocked'],
  ])('%s is a %s', (request, kind) => {
    const [method = '', target = ''] = request.split(' ');
    expect(kindOf(method, target)).toBe(kind);
  });

  test('what stops the primary is blocked whatever is configured', () => {
    expect(classifyRoute('GET', '/diediedie', []).kind).toBe('blocked');
  });
});

describe('a query string', () => {
  test('keeps the last of a repeated parameter and takes flags without a value', () => {
    const query = parseHttpQuery('/x?a=1&summary;b=x+y%20z&a=2&=');
    expect([...(query ?? [])]).toEqual([
      ['a', '2'],
      ['summary', ''],
      ['b', 'x y z'],
      ['', ''],
    ]);
  });

  test.each([
    ['%41', 'A'],
    ['%%', '%'],
    ['%c3%a9', '\u00e9'],
    ['a+b', 'a b'],
    ['%', undefined],
    ['%4', undefined],
    ['%g0', undefined],
  ])('%j is read as %j', (text, read) => {
    expect(unescapeComponent(text)).toBe(read);
  });
});
