import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { Tsd } from '../../../scripts/stack/opentsdb.ts';
import type { TcpProxy } from '../../kit/tcp-proxy.ts';

/** The ways in which an OpenTSDB can be gone. */
export const WAYS = [
  'refused',
  'black-holed',
  '500',
  'closing mid-body',
  'late by 20 s',
  'standing still',
] as const;
export type Way = (typeof WAYS)[number];

/** Makes the OpenTSDB that `wire` leads to go; resolves to what brings it back. */
export async function makeGone(wire: TcpProxy, tsd: Tsd, way: Way): Promise<() => Promise<void>> {
  const { port } = wire;
  const back = async (): Promise<void> => {
    await wire.set({ kind: 'pass' });
    // As a server that was restarted, or a network that forgot: what was swallowed does not come back.
    wire.reset();
  };
  switch (way) {
    case 'refused':
      await wire.set({ kind: 'refuse' });
      return back;
    case 'black-holed':
      await wire.set({ kind: 'blackhole' });
      return back;
    case 'closing mid-body':
      await wire.set({ kind: 'cutBody', bodyBytes: 5 });
      return back;
    case 'late by 20 s':
      await wire.set({ kind: 'delay', answerMs: 20_000 });
      return back;
    case 'standing still':
      tsd.pause();
      return async () => tsd.resume();
    case '500': {
      await wire.set({ kind: 'refuse' });
      const failing = await failingServer(port);
      return async () => {
        failing.closeAllConnections();
        failing.close();
        await once(failing, 'close');
        await back();
      };
    }
  }
}

/** Answers everything as OpenTSDB does in trouble. */
async function failingServer(port: number): Promise<Server> {
  const server = createServer((_, response) => {
    response.writeHead(500, { 'content-type': 'application/json; charset=UTF-8' });
    response.end('{"error":{"code":500,"message":"Internal Server Error"}}');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The memory that the process holds now. */
export async function residentMiB(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}
