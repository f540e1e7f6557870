import { describe, expect, test } from 'vitest';
import { errorBody, parseSyncTimeout, putReply } from '../../src/opentsdb/put-reply.ts';
import type { PutFlags } from '../../src/opentsdb/put-reply.ts';

const flags = (set: Partial<PutFlags> = {}): PutFlags => ({
  summary: false,
  details: false,
  sync: false,
  syncTimeoutMs: 0,
  ...set,
});
const failure = {
  index: 1,
  datapoint: { metric: 'm', timestamp: '9223372036854775807', value: '1', tags: { h: null } },
  error: 'Invalid tag value with key [h]: null',
};
const SEE_LOGS = 'Please see the TSD logs or append "details" to the put request';

describe('the answer to a put', () => {
  test('is empty when all is well and nothing was asked', () => {
    expect(putReply({ accepted: 2, failures: [] }, flags({ syncTimeoutMs: 5 }))).toEqual({
      status: 204,
      body: undefined,
    });
  });

  test('counts timeouts whenever a sync_timeout was given', () => {
    const asked = flags({ summary: true, syncTimeoutMs: 5 });
    expect(putReply({ accepted: 2, failures: [] }, asked)).toEqual({
      status: 200,
      body: '{"success":2,"timeouts":0,"failed":0}',
    });
  });

  test('echoes refused points with every digit of the timestamp', () => {
    const nothing = { index: 2, datapoint: null, error: 'e' };
    const outcome = { accepted: 1, failures: [failure, nothing] };
    expect(putReply(outcome, flags({ details: true }))).toEqual({
      status: 400,
      body:
        '{"success":1,"failed":2,"errors":[{"datapoint":{"metric":"m","timestamp":9223372036854775807,' +
        '"value":"1","tags":{"h":null}},"error":"Invalid tag value with key [h]: null"},' +
        '{"datapoint":null,"error":"e"}]}',
    });
  });

  test('after a timeout names how many writes were in time', () => {
    const outcome = { accepted: 3, failures: [failure], timedOut: [{ timestamp: '5' }] };
    const message =
      'The put call has timedout with 2 successful writes, 0 failed writes and 1 timed out writes.';
    expect(putReply(outcome, flags({ syncTimeoutMs: 5 }))).toEqual({
      status: 400,
      body: errorBody(400, message, SEE_LOGS),
    });
    expect(putReply(outcome, flags({ summary: true, syncTimeoutMs: 5 }))).toEqual({
      status: 400,
      body: '{"success":2,"timeouts":1,"failed":1}',
    });
  });

  test('after a timeout lists the late writes after the refused points', () => {
    const outcome = { accepted: 1, failures: [failure], timedOut: [{ timestamp: '5' }] };
    const { body = '' } = putReply(outcome, flags({ details: true, syncTimeoutMs: 5 }));
    expect(JSON.parse(body)).toMatchObject({
      success: 0,
      timeouts: 1,
      failed: 1,
      errors: [{ error: failure.error }, { datapoint: { timestamp: 5 }, error: 'Write timedout' }],
    });
  });
});

test('an error body has details only if there are some', () => {
  expect(errorBody(400, 'm', '')).toBe('{"error":{"code":400,"message":"m"}}');
  expect(errorBody(400, 'm', 'd')).toBe('{"error":{"code":400,"message":"m","details":"d"}}');
});

test.each([
  ['5', 5],
  ['+5', 5],
  ['-1', -1],
  ['2147483647', 2_147_483_647],
  ['2147483648', undefined],
  ['', undefined],
  ['1.5', undefined],
])('sync_timeout=%s is read as Java does', (text, timeoutMs) => {
  expect(parseSyncTimeout(text)).toBe(timeoutMs);
});
