import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { PutConnection } from '../../src/opentsdb/put-connection.ts';
import { TelnetClient } from '../../src/opentsdb/telnet-client.ts';
import { askTelnet } from '../../src/opentsdb/telnet-once.ts';

test('an OpenTSDB that is named without a port is asked at 80, by lines and by HTTP', async () => {
  const primary = new URL('http://127.0.0.1');
  const ports: number[] = [];
  const watch = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    socket.once('connectionAttempt', (_address, port) => {
      ports.push(port);
      setImmediate(() => socket.destroy());
    });
  };
  subscribe('net.client.socket', watch);
  const telnet = new TelnetClient({ primary, requestTimeoutMs: 1_000 });
  const http = new PutConnection({
    primary,
    connectTimeoutMs: 1_000,
    onUnanswered: () => undefined,
  });
  try {
    await telnet.send(Buffer.from('put a 1 1 h=x\n'));
    await askTelnet({ primary, line: 'version', timeoutMs: 1_000 }).catch(() => undefined);
    expect(ports).toEqual([80, 80, 80]);
  } finally {
    unsubscribe('net.client.socket', watch);
    telnet.close();
    http.close();
  }
});
