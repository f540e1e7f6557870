import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Claims } from '../../scripts/stack/claims.ts';

/**
 * Below the range from which systems give ports to outgoing connections, so that a server that is killed can come
 * back on its port.
 */
const PORTS = { first: 20_000, last: 29_999, triesMax: 100 } as const;

const GIVEN = new Claims(join(tmpdir(), `tsdb-wal-ports-${userInfo().uid}`));

/**
 * A port of 127.0.0.1 on which nothing listens now, and which nobody else is given while this process lives: a server
 * may take it as late as it likes, and again after it was gone.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORTS.triesMax; attempt += 1) {
    const port = PORTS.first + Math.floor(Math.random() * (PORTS.last - PORTS.first + 1));
    if (GIVEN.take(`${port}`) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${PORTS.first} and ${PORTS.last}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
