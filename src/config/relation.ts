import { resolve } from 'node:path';
import { endpointOf } from '../runtime/endpoint.ts';
import { type Address, isAnyHost, reachedHere } from './address.ts';
import type { Config } from './options.ts';

/** What must hold between options that are each right alone. */
const RELATIONS: readonly { readonly holds: (config: Config) => boolean; readonly says: string }[] =
  [
    {
      holds: ({ listen, admin }) => !overlap(listen, admin),
      says: 'listen and admin are one address: give one of them another port',
    },
    {
      holds: ({ listen, primary }) => !isAt(primary, listen),
      says: 'primary is the listen address: the proxy would feed itself; name the OpenTSDB',
    },
    {
      holds: ({ limits }) => limits.bodyBytesMax <= limits.inflatedBytesMax,
      says: 'limits.bodyBytesMax is above limits.inflatedBytesMax, so it can never be reached',
    },
    {
      holds: ({ limits }) => limits.inflatedBytesMax <= limits.sourceInFlightBytesMax,
      says: 'limits.inflatedBytesMax is above limits.sourceInFlightBytesMax: such a body would be answered 503 each time',
    },
    {
      holds: ({ limits }) => limits.sourceInFlightBytesMax <= limits.inFlightBytesMax,
      says: 'limits.sourceInFlightBytesMax is above limits.inFlightBytesMax, so one client could take all',
    },
    {
      holds: ({ wal }) => wal.segmentBytes <= wal.bytesMax,
      says: 'wal.segmentBytes is above wal.bytesMax: the log could not hold one file',
    },
    {
      holds: ({ data, repository }) =>
        !['', 'wal', 'cursors', 'archiver'].some((own) => resolve(data, own) === repository),
      says: 'repository is the data directory or a folder of its own use: give it another one',
    },
    {
      holds: ({ workers, kafka }) => workers === 1 || kafka.brokers.length > 0,
      says: 'workers is above 1 without kafka.brokers: their logs would have no order between them, which a series needs; name a Kafka that they share, or leave workers out',
    },
    {
      holds: ({ workers, archive }) => workers === 1 || archive === 'off',
      says: 'workers is above 1, and archive is on: set it to off, and run `tsdb-wal archive --kafka` for the topic',
    },
    {
      holds: ({ workers, admin, listen }) =>
        workers === 1 ||
        (admin.port > 0 &&
          admin.port + WORKERS_MAX <= PORT_MAX &&
          !(listen.port > admin.port && listen.port <= admin.port + WORKERS_MAX)),
      says: 'workers is above 1: they answer at the 64 ports after that of admin, which must exist, and listen must be none of them; give admin another port',
    },
    {
      holds: ({ ack, kafka }) => ack !== 'kafka' || kafka.brokers.length > 0,
      says: 'ack is kafka, but kafka.brokers names none',
    },
    {
      holds: ({ kafka }) =>
        kafka.tls === 'on' ||
        [kafka.tlsCa, kafka.tlsCert, kafka.tlsKey].every((path) => path === ''),
      says: 'kafka.tls is off, but there are files for it: set it to on, or leave them out',
    },
    {
      holds: ({ kafka }) => (kafka.tlsCert === '') === (kafka.tlsKey === ''),
      says: 'kafka.tlsCert and kafka.tlsKey go together: one of them is missing',
    },
    {
      holds: ({ kafka }) =>
        (kafka.sasl === 'none') === (kafka.username === '') &&
        (kafka.sasl === 'none') === (kafka.passwordFile === ''),
      says: 'kafka.sasl, kafka.username and kafka.passwordFile go together: one of them is missing',
    },
  ];

const WORKERS_MAX = 64;
const PORT_MAX = 65_535;

/** Says each relation that does not hold. */
export function brokenRelations(config: Config): readonly string[] {
  return RELATIONS.filter(({ holds }) => !holds(config)).map(({ says }) => says);
}

/** Port 0 is another free port each time; a host that stands for all includes every other. */
function overlap(a: Address, b: Address): boolean {
  const oneHost = a.host === b.host || isAnyHost(a) || isAnyHost(b);
  return oneHost && a.port === b.port && a.port !== 0;
}

/** Whether a URL leads to what listens there, as far as names tell. */
function isAt(url: string, listen: Address): boolean {
  const { host, port } = endpointOf(new URL(url));
  const named = host === 'localhost' ? '127.0.0.1' : host;
  return named === reachedHere(listen).host && port === listen.port && port !== 0;
}
