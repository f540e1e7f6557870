import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { identify, isRunning } from '../../scripts/stack/process-identity.ts';

/**
 * Below the range from which systems give ports to outgoing connections, so that a server that is killed can come
 * back on its port.
 */
const PORTS = { first: 20_000, last: 29_999, triesMax: 100 } as const;

/** For each process that was given ports a directory of its name, with a file for each port. */
const GIVEN = join(tmpdir(), `tsdb-wal-ports-${userInfo().uid}`);

/**
 * A port of 127.0.0.1 on which nothing listens now, and which nobody else is given while this process lives: a server
 * may take it as late as it likes, and again after it was gone.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORTS.triesMax; attempt += 1) {
    const port = PORTS.first + Math.floor(Math.random() * (PORTS.last - PORTS.first + 1));
    if (reserve(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${PORTS.first} and ${PORTS.last}`);
}

/** Of two processes that ask for one port at once both may be refused, but never are both given it. */
function reserve(port: number): boolean {
  const own = identify(process.pid) ?? `${process.pid}`;
  mkdirSync(join(GIVEN, own), { recursive: true });
  const file = join(GIVEN, own, `${port}`);
  if (existsSync(file)) return false;
  writeFileSync(file, '');
  if (!livingOthers(own).some((other) => existsSync(join(GIVEN, other, `${port}`)))) return true;
  rmSync(file);
  return false;
}

function livingOthers(own: string): readonly string[] {
  return readdirSync(GIVEN).filter((owner) => {
    if (owner === own) return false;
    if (isRunning(owner)) return true;
    rmSync(join(GIVEN, owner), { recursive: true, force: true });
    return false;
  });
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
