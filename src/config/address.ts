export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An address from `host:port`, `[v6]:port`, `:port` or `port`; undefined when it is none of these. */
export function parseAddress(raw: unknown, hostDefault: string): Address | undefined {
  if (typeof raw !== 'string' && typeof raw !== 'number') return undefined;
  const pattern = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))?:)?(\d{1,5})$/;
  const [, v6, name, port] = pattern.exec(String(raw)) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  return { host: v6 ?? name ?? hostDefault, port: Number(port) };
}

const ALL_HOSTS = new Set(['0.0.0.0', '::']);

/** Whether the host stands for all addresses of the machine. */
export function isAnyHost({ host }: Address): boolean {
  return ALL_HOSTS.has(host);
}

/** Where what listens there can be reached from this machine. */
export function reachedHere(address: Address): Address {
  return isAnyHost(address) ? { ...address, host: '127.0.0.1' } : address;
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
