/** Where a socket reaches what a URL names. */
export interface Endpoint {
  /** An IPv6 address is without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** Of an `http:` URL: without a port it is 80, whatever is spoken there, since an OpenTSDB has one port for all. */
export function endpointOf({ hostname, port }: URL): Endpoint {
  return { host: hostname.replaceAll(/^\[|\]$/g, ''), port: Number(port || '80') };
}
