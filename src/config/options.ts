import { LOG_LEVELS } from '../runtime/logger.ts';
import { option } from './option.ts';
import type { Values } from './option-table.ts';

/** Everything that can be set. Types, file, environment, flags, help and reference pages are made from this table. */
export const OPTIONS = {
  listen: option.address({
    default: '0.0.0.0:4243',
    describe:
      'Where collectors connect, by HTTP and by telnet on the same port. Who can connect can write: keep it inside.',
  }),
  primary: option.url({
    default: 'http://127.0.0.1:4242',
    describe:
      'The OpenTSDB that gets every write and answers every read. While it does not answer, writes are taken and kept for it.',
  }),
  data: option.path({
    default: './data',
    describe:
      'The directory of the log and of what is known about its followers. One process at a time; not a network share.',
  }),
  archive: option.choice(['on', 'off'], {
    default: 'on',
    describe:
      'Whether what is logged is archived. off: nothing can be restored of what the log has dropped, and the log is kept for the primary only.',
  }),
  repository: option.dataPath({
    default: 'DATA/repository',
    describe:
      'Where the log is archived to: a folder, best on another disk or machine, since what destroys the data directory destroys what is in it. Hard links must work there.',
  }),
  admin: option.address({
    default: '127.0.0.1:4244',
    describe:
      'Where /health, /ready, /metrics and /status are answered. It has no access control: open it to monitoring only.',
  }),
  ack: option.choice(['all', 'wal'], {
    default: 'all',
    describe:
      'What an answer waits for. all: for the log and, unless degraded, for the primary. wal: for the log only; a point refused by the primary is then found only in the dead letters.',
  }),
  mutations: option.choice(['refuse', 'pass'], {
    default: 'refuse',
    describe:
      'What to do with changes other than puts. refuse: answer 501. pass: send them to the primary, with a marker record in the log; a restore cannot cover what was passed.',
  }),
  blockedPaths: option.list({
    default: ['/q', '/logs', '/diediedie'],
    item: /^\/[^\s,]*$/,
    expects: 'paths that each begin with /',
    describe:
      'Paths of OpenTSDB that are answered 403 instead of being passed to it: these run gnuplot, show its log, and stop it.',
  }),
  limits: {
    bodyBytesMax: option.bytes({
      default: '16MiB',
      describe: 'The largest body of a request, as received. A larger one is answered 413.',
    }),
    inflatedBytesMax: option.bytes({
      default: '16MiB',
      describe:
        'The largest body after gzip or deflate is undone. A larger one is answered 413, and is not inflated further.',
    }),
    connectionsMax: option.integer({
      default: 4_096,
      min: 1,
      describe: 'How many clients may be connected at once. One more is closed as it connects.',
    }),
    idleTimeout: option.duration({
      default: '1h',
      min: '0s',
      describe:
        'A connection on which nothing was received for so long is closed; 0s never closes one.',
    }),
    inFlightBytesMax: option.bytes({
      default: '64MiB',
      describe:
        'Received and not yet answered bytes of all clients together. At the limit sockets are not read, and then requests are answered 503.',
    }),
    sourceInFlightBytesMax: option.bytes({
      default: '16MiB',
      describe: 'The same for one client address, so that one client cannot take what all share.',
    }),
    shutdownTimeout: option.duration({
      default: '10s',
      describe:
        'After SIGTERM, how long to go on answering what was received. Then connections are cut; what was not answered may or may not be stored.',
    }),
  },
  wal: {
    segmentBytes: option.bytes({
      default: '64MiB',
      min: '4KiB',
      describe:
        'The size at which the log begins a new file. Retention frees whole files, so smaller ones free disk sooner.',
    }),
    bytesMax: option.bytes({
      default: '64GiB',
      min: '4KiB',
      describe:
        'Disk the log may use. When followers are so far behind that it is full, writes are answered 503 until they catch up.',
    }),
    freeBytesMin: option.bytes({
      default: '1GiB',
      min: '0B',
      describe:
        'Disk space the log leaves free for others. When less is left, writes are answered 503 until there is more.',
    }),
    retention: option.duration({
      default: '24h',
      min: '0s',
      max: '3650d',
      describe:
        'How long a part of the log is kept, at least, after the primary has confirmed and the repository holds all of it. wal.bytesMax comes first.',
    }),
    cutInterval: option.duration({
      default: '60s',
      describe:
        'A mark up to which an archive can be cut is written at least so often while writes come in.',
    }),
    cutBytes: option.bytes({
      default: '8MiB',
      describe: 'A cut mark is also written whenever so much was logged since the last one.',
    }),
    memoryBytes: option.bytes({
      default: '16MiB',
      min: '0B',
      describe:
        'The newest part of the log that is kept in memory for followers. One that is further behind reads the disk.',
    }),
  },
  delivery: {
    ackTimeout: option.duration({
      default: '5s',
      describe:
        'How long an answer may wait for the primary. Then the proxy is degraded: it answers from the log alone until the primary has caught up.',
    }),
    requestTimeout: option.duration({
      default: '30s',
      describe:
        'How long one request to the primary may take. Then its outcome is unknown and it is sent again, in order.',
    }),
    syncTimeout: option.duration({
      default: '15s',
      describe:
        'How long the primary may take to confirm that what it took is stored. Then the proxy is degraded.',
    }),
    healWindow: option.duration({
      default: '10s',
      describe:
        'How long after its delivery a write is held unconfirmed, and sent again when the primary restarts or counts a storage error. Longer survives later losses; the log is freed later.',
    }),
    batchPointsMax: option.integer({
      default: 4_000,
      min: 1,
      describe:
        'Points in one request to the primary. Fewer cost more requests, more cost latency.',
    }),
    batchBytesMax: option.bytes({
      default: '1MiB',
      min: '4KiB',
      describe: "Bytes in one request to the primary. Keep it below the primary's own limit.",
    }),
  },
  archiver: {
    unregistered: option.choice(['refuse', 'allow'], {
      default: 'refuse',
      describe:
        'What to do while the repository cannot be told of a new stretch of the log (a start, a failed write, a leap of the clock). refuse: answer 503 until it can. allow: take writes all the same; if the log is lost before it can, the repository will not know that something is missing.',
    }),
    memoryBytes: option.bytes({
      default: '256MiB',
      min: '128MiB',
      describe:
        'Memory for sorting and compressing in the archiver, a process of its own: one half for what comes in, one for merging. What needs more goes to disk.',
    }),
  },
  logLevel: option.choice(LOG_LEVELS, {
    default: 'info',
    describe:
      'What is logged: this and all that is more severe. debug also shows stack traces of faults.',
  }),
};

/** What each group of options is about, as a heading. */
export const GROUPS: Readonly<Record<string, string>> = {
  '': 'General',
  limits: 'Limits on clients',
  wal: 'The log',
  delivery: 'Delivery to the primary',
  archiver: 'The archiver',
};

export type Config = Values<typeof OPTIONS>;
