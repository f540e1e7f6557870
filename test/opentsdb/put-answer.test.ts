import { describe, expect, test } from 'vitest';
import { readPutAnswer } from '../../src/opentsdb/put-answer.ts';
import { readErrorCounters, readServerFacts } from '../../src/opentsdb/server-facts.ts';

const datapoint = { metric: 'spec.pipe', timestamp: 1_795_381_423, value: 'x', tags: { h: 'a' } };

function details(success: number, failed: number, ...errors: readonly string[]): string {
  return JSON.stringify({ success, failed, errors: errors.map((error) => ({ datapoint, error })) });
}

describe('the answer to a put', () => {
  test.each([
    ['204', 204, '', []],
    ['nothing wrong', 200, '{"success":1,"failed":0,"errors":[]}', []],
    ['nothing wrong, with sync', 200, '{"success":1,"timeouts":0,"failed":0,"errors":[]}', []],
    [
      'a refused point',
      400,
      details(0, 1, 'Unable to parse value to a number'),
      [{ datapoint, error: 'Unable to parse value to a number' }],
    ],
  ])('%s: every point was handled', (_, status, text, refused) => {
    expect(readPutAnswer(status, text)).toEqual({ kind: 'handled', refused });
  });

  test.each([
    [
      '10000 RPCs waiting, under 200 and failed 0',
      200,
      details(12_000, 0, 'Storage exception: 10000 RPCs waiting on x'),
    ],
    ['a refused point beside it', 400, details(0, 2, 'Unknown metric', 'Storage exception: gone')],
    ['a time-out', 400, details(0, 1, 'Write timedout')],
  ])('%s: the storage’s fault, not the points’', (_, status, text) => {
    expect(readPutAnswer(status, text).kind).toBe('storage');
  });

  test('an HTML 400 for a chunked body asks for smaller ones', () => {
    const page = '<html><body><h1>Bad Request</h1>Chunked request not supported.</body></html>';
    expect(readPutAnswer(400, page)).toEqual({ kind: 'too large' });
    expect(readPutAnswer(413, '')).toEqual({ kind: 'too large' });
  });

  test.each([
    [
      400,
      '{"error":{"code":400,"message":"Unable to parse the given JSON"}}',
      /400: Unable to parse/,
    ],
    [
      400,
      '{"error":{"code":400,"message":"The put call has timedout with 0 successful writes"}}',
      /timedout/,
    ],
    [500, 'oops', /500: oops/],
    [404, '{"error":{"message":"Endpoint not found"}}', /404: Endpoint/],
    [200, '<html>', /status 200/],
    [200, '{"success":1,"failed":0}', /status 200/],
    [400, 'null', /status 400/],
  ])('status %s %s: nothing was handled', (status, text, reason) => {
    expect(readPutAnswer(status, text)).toMatchObject({
      kind: 'failed',
      status,
      reason: expect.stringMatching(reason) as string,
    });
  });
});

describe('what a TSD tells of itself', () => {
  const config = {
    'tsd.http.request.enable_chunked': 'true',
    'tsd.http.request.max_chunk': '16777216',
    'tsd.storage.flush_interval': '250',
    'tsd.storage.max_tags': '16',
    'tsd.core.tag.allow_specialchars': '|',
    'tsd.core.auto_create_metrics': 'True',
    'tsd.storage.fix_duplicates': 'no',
  };
  const jvm = { runtime: { startTime: 17 } };

  test('is read from its configuration', () => {
    expect(readServerFacts(config, jvm)).toEqual({
      startTime: 17,
      bodyBytesMax: 16_777_216,
      flushIntervalMs: 250,
      rules: { tagsMax: 16, specialChars: '|' },
      autoCreateMetrics: true,
      fixDuplicates: false,
    });
  });

  test.each([
    [{ ...config, 'tsd.http.request.enable_chunked': 'false' }, 8_192],
    [{ ...config, 'tsd.http.request.max_chunk': '4096' }, 8_192],
    [{}, 8_192],
    [undefined, undefined],
    ['text', undefined],
  ])('the largest body of %j is %s', (told, bytes) => {
    expect(readServerFacts(told, undefined).bodyBytesMax).toBe(bytes);
  });

  test('its error counters are summed over their tags', () => {
    const stats = [
      { metric: 'tsd.rpc.exceptions', value: '3', tags: {} },
      { metric: 'tsd.rpc.errors', value: '2', tags: { type: 'hbase_errors' } },
      { metric: 'tsd.rpc.errors', value: '9', tags: { type: 'invalid_values' } },
      { metric: 'tsd.hbase.nsre', value: 1, tags: {} },
    ];
    expect(readErrorCounters(stats)).toEqual({ storage: 3, exceptions: 3 });
    expect(readErrorCounters([])).toBeUndefined();
    expect(readErrorCounters({})).toBeUndefined();
  });
});
