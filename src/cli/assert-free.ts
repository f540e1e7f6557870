import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Address, formatAddress } from '../config/address.ts';
import { WalError } from '../runtime/errors.ts';

/**
 * Throws LISTEN_FAILED when an address can't be listened on now, by the name of its flag. Asked before a log is opened: each start that fails
 * only later leaves a lane without data there. Who connects just then is hung up on.
 */
export async function assertFree(addresses: Readonly<Record<string, Address>>): Promise<void> {
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

async function hold(server: Server, flag: string, { host, port }: Address): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const message = `--${flag} ${formatAddress({ host, port })} cannot be had`;
    const hint = hintOf((cause as NodeJS.ErrnoException).code, port);
    throw new WalError('LISTEN_FAILED', message, { context: { host, port }, hint, cause });
  }
}

/** Of an error code of listen(2). */
export function hintOf(code: string | undefined, port: number): string {
  if (code === 'EACCES') {
    return `This user may not listen on port ${port}: below 1024 it takes CAP_NET_BIND_SERVICE, or root. Name another port.`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return 'This machine has no such address. Name one of its own, or 0.0.0.0 for all.';
  }
  return 'Is another process listening there? `tsdb-wal check-config` says what has it.';
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
