import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeTsd } from './fake-tsd.ts';

describe('the fake OpenTSDB', () => {
  let tsd: FakeTsd;

  beforeEach(async () => {
    tsd = await FakeTsd.start();
  });
  afterEach(() => tsd.stop());

  async function put(query: string, ...points: readonly object[]): Promise<[number, string]> {
    const init = { method: 'POST', body: JSON.stringify(points) };
    const answer = await fetch(`${tsd.url}/api/put${query}`, init);
    return [answer.status, await answer.text()];
  }

  async function telnet(lines: string): Promise<string> {
    const socket = connect(tsd.port, '127.0.0.1').setEncoding('utf8');
    let reply = '';
    socket.on('data', (text: string) => {
      reply += text;
    });
    socket.write(`${lines}exit\n`);
    await once(socket, 'end');
    socket.end();
    return reply;
  }

  test('keeps points of both transports on one port, in order', async () => {
    expect(await put('', point('a'))).toEqual([204, '']);
    expect(await telnet('put b 2 0x h=b\nversion\n')).toContain('Built on');
    expect(tsd.points).toEqual([
      { transport: 'http', metric: 'a', timestamp: '1', value: '1.5', tags: { h: 'a' } },
      { transport: 'telnet', metric: 'b', timestamp: '2', value: '0x', tags: { h: 'b' } },
    ]);
  });

  test('refuses an unknown metric and keeps its neighbours', async () => {
    tsd.faults = { unknownMetrics: new Set(['x']) };
    const [status, body] = await put('?details', point('x'), point('y'));
    expect([status, body]).toEqual([
      400,
      '{"success":1,"failed":1,"errors":[{"datapoint":{"metric":"x","timestamp":1,"value":"1.5","tags":{"h":"a"}},"error":"Unknown metric"}]}',
    ]);
    expect(await telnet('put x 1 1 h=a\n')).toBe(
      "put: unknown metric: No such name for 'metrics': 'x'\n",
    );
    expect(tsd.points).toHaveLength(1);
  });

  test('tells of a storage error only when asked to wait, and counts it', async () => {
    tsd.faults = { storage: 'gone' };
    expect(await put('?details', point('x'))).toEqual([
      200,
      '{"success":1,"failed":0,"errors":[]}',
    ]);
    const [status, body] = await put('?details&sync', point('x'));
    expect([status, body]).toEqual([200, expect.stringContaining('Storage exception: gone')]);
    const stats = await (await fetch(`${tsd.url}/api/stats`)).text();
    expect(stats).toMatch(/"value":"2","tags":\{"host":"fake","type":"hbase_errors"\}/);
    expect(tsd.points).toEqual([]);
  });

  test('has another start time after a restart, on the same port', async () => {
    const startTime = async (): Promise<string> => (await fetch(`${tsd.url}/api/stats/jvm`)).text();
    const before = await startTime();
    await tsd.restart();
    expect(await startTime()).not.toBe(before);
  });

  test('answers by the status that is asked for, and stores nothing then', async () => {
    tsd.faults = { status: 503 };
    const [status] = await put('', point('a'));
    expect([status, tsd.points]).toEqual([503, []]);
  });

  test('stores a ?sync put that it does not answer', async () => {
    tsd.faults = { syncHangs: true };
    const init = { method: 'POST', body: JSON.stringify(point('a')) };
    const signal = AbortSignal.timeout(200);
    await expect(fetch(`${tsd.url}/api/put?sync`, { ...init, signal })).rejects.toThrow('timeout');
    expect(tsd.points).toHaveLength(1);
  });
});

function point(metric: string): object {
  return { metric, timestamp: 1, value: 1.5, tags: { h: 'a' } };
}
