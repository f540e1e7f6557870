import type { Socket } from 'node:net';

/** Who is at the other end of a connection. */
export interface Peer {
  /** What budgets per source go by. */
  readonly address: string;
  /** `address:port`, as the log records it. */
  readonly source: string;
}

export function peerOf(socket: Socket): Peer {
  const address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
  const host = address.includes(':') ? `[${address}]` : address;
  return { address, source: `${host}:${socket.remotePort ?? 0}` };
}
