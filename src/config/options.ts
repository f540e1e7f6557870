import { LOG_LEVELS } from '../runtime/logger.ts';
import { option } from './option.ts';
import type { Keys, Values } from './option-table.ts';

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
      'Where /health, /ready, /metrics and /status are answered, and operators may act. It has no access control: open it to monitoring and operators only.',
  }),
  ack: option.choice(['all', 'kafka', 'wal'], {
    default: 'all',
    describe:
      'What an answer waits for. all: for the log and, unless degraded, for Kafka (when there is one) and the primary. kafka: for the log and, unless degraded, for Kafka. wal: for the log only. Without all, a point refused by the primary is found only in the dead letters.',
  }),
  workers: option.integer({
    default: 1,
    min: 1,
    max: 64,
    describe:
      'Processes that take writes on the one port, as many as there are cores for them. More than one needs Kafka, which they share, and archive off. Each is a proxy with a log of its own, in DATA/worker-1 and so on, and answers on the admin port plus its number, too.',
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
      describe:
        'How many clients may be connected at once. One more is closed as it connects, unless a telnet client has waited for the log for a minute: then that one is.',
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
      default: '8MiB',
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
        'What to do while the repository, or the topic, cannot be told of a new stretch of the log (a start, a failed write, a leap of the clock). refuse: answer 503 until it can. allow: take writes all the same; if the log is lost before it can, nobody will know that something is missing.',
    }),
    memoryBytes: option.bytes({
      default: '256MiB',
      min: '128MiB',
      describe:
        'Memory for sorting and compressing in the archiver, a process of its own: one half for what comes in, one for merging. What needs more goes to disk.',
    }),
    priority: option.choice(['idle', 'low'], {
      default: 'idle',
      describe:
        'How the archiver leaves the processors to whatever takes writes. idle: it gets what nobody else wants, so that on a machine whose cores are all busy for hours next to nothing is archived. It takes Linux and chrt (util-linux). low: it gets a little always, and answers to writes wait some milliseconds for it (nice 19).',
    }),
    headroomWarning: option.duration({
      default: '1h',
      min: '0s',
      max: '365d',
      describe:
        'An archiver of a topic warns when Kafka will drop within so long what is not archived; within half of the topic’s retention, where that is less.',
    }),
  },
  kafka: {
    brokers: option.list({
      default: [],
      item: /^[A-Za-z0-9._-]+:\d{1,5}$/,
      expects: 'names or IPv4 addresses of brokers, each with its port, as kafka-1:9092',
      flag: '--kafka',
      describe:
        'Where Kafka is first asked. With it the topic is the log that several proxies share; without, the log of this directory is all there is.',
    }),
    compression: option.choice(['gzip', 'zstd', 'none'], {
      default: 'gzip',
      describe:
        'How batches are compressed, by Kafka’s own means, so that every consumer can read them. zstd needs a Node that has it (22.15, 23.8 or later), here and where it is read.',
    }),
    ackTimeout: option.duration({
      default: '5s',
      describe:
        'How long an answer may wait for Kafka. Then the proxy is degraded: it answers without waiting for Kafka until Kafka has caught up.',
    }),
    clockBound: option.duration({
      default: '100ms',
      min: '10ms',
      describe:
        'How far the clocks of the proxies on one topic may be apart: of writes to one instant that come closer together through different proxies, either may stay. A proxy whose clock is further off is not ready.',
    }),
    connectionTimeout: option.duration({
      default: '3s',
      describe: 'How long a connection to a broker may take to open.',
    }),
    requestTimeout: option.duration({
      default: '10s',
      describe:
        'How long a broker may take to answer. Then the connection is given up, and what was under way is sent again on another.',
    }),
    tls: option.choice(['on', 'off'], {
      default: 'off',
      describe: 'Whether brokers are spoken to by TLS.',
    }),
    tlsCa: option.file({
      describe:
        'A PEM file of the authorities that may have signed the certificates of the brokers. Without it, those that Node knows.',
    }),
    tlsCert: option.file({
      describe: 'A PEM file with the certificate that is shown to brokers which ask for one.',
    }),
    tlsKey: option.file({ describe: 'A PEM file with the key of kafka.tlsCert.' }),
    sasl: option.choice(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], {
      default: 'none',
      describe:
        'How a user is proven to brokers. plain shows them the password, and everyone on the way if kafka.tls is off.',
    }),
    username: option.string({ default: '', describe: 'The user for kafka.sasl.' }),
    passwordFile: option.file({
      describe:
        'A file with the password for kafka.sasl, and nothing else; a line end after it does not count.',
    }),
    topic: {
      name: option.name({
        default: 'tsdb-wal',
        pattern: /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
        expects: 'a name of a topic: letters, digits, dots, underscores and dashes, at most 249',
        flag: '--topic',
        describe: 'The topic that holds the log.',
      }),
      create: option.boolean({
        default: false,
        describe:
          'Whether a start makes the topic when it is not there. Otherwise it says which command does.',
      }),
      partitions: option.integer({
        default: 6,
        min: 1,
        max: 10_000,
        describe:
          'Partitions of the topic when it is made. A lane stays in one, so that more allow more proxies and archivers side by side.',
      }),
      replication: option.integer({
        default: 3,
        min: 1,
        max: 32,
        describe:
          'Brokers that hold a copy of each partition when the topic is made; no more than there are.',
      }),
      retention: option.duration({
        default: '7d',
        min: '1m',
        max: '3650d',
        describe:
          'How long Kafka keeps what is written when the topic is made. An archiver that is away for longer misses something.',
      }),
    },
  },
  logLevel: option.choice(LOG_LEVELS, {
    default: 'info',
    describe:
      'What is logged: this and all that is more severe. debug also shows stack traces of faults.',
  }),
};

export type Config = Values<typeof OPTIONS>;
export type OptionKey = Keys<typeof OPTIONS>;
