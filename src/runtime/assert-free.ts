import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Endpoint } from './endpoint.ts';
import { listenFailed } from './listen-failed.ts';

/**
 * Throws LISTEN_FAILED when an address can't be listened on now, by the name of its flag. Asked before a log is opened: each start that fails
 * only later leaves a lane without data there. Who connects just then is hung up on.
 */
export async function assertFree(addresses: Readonly<Record<string, Endpoint>>): Promise<void> {
  const held: Server[] = [];
  try {
    for (const [flag, address] of Object.entries(addresses)) {
      const server = createServer((socket) => socket.destroy());
      held.push(server);
      await hold(server, flag, address);
    }
  } finally {
    await Promise.all(held.map(close));
  }
}

async function hold(server: Server, flag: string, address: Endpoint): Promise<void> {
  try {
    server.listen(address.port, address.host);
    await once(server, 'listening');
  } catch (cause) {
    throw listenFailed(flag, address, cause);
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
