import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { TelnetSocket } from '../../../src/ingest/telnet/telnet-socket.ts';

const REPLIES = 'x'.repeat(16 * 1024 * 1024);

test('a client that takes replies slowly leaves no listeners on its socket', async () => {
  const server = createServer();
  const accepting = new Promise<Socket>((resolve) => server.once('connection', resolve));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = connect(address.port, '127.0.0.1');
  const accepted = await accepting;
  const socket = new TelnetSocket(accepted);
  const before = accepted.listenerCount('close');
  for (let round = 0; round < 2; round += 1) {
    const sent = socket.reply(REPLIES);
    expect(accepted.listenerCount('close')).toBeGreaterThan(before);
    client.resume();
    await sent;
    client.pause();
    expect(accepted.listenerCount('close')).toBe(before);
  }
  socket.destroy();
  client.destroy();
  server.close();
});
