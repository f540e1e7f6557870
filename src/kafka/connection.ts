import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import kafkajs, { type Kafka, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import { WalError } from '../runtime/errors.ts';
import { type Compression, HAS_ZSTD, installCodecs } from './codecs.ts';
import { calmRequestQueues } from './request-queues.ts';

// Node finds only the default export of it.
const { logLevel } = kafkajs;

/** As the option table has them; paths and names are empty when there are none, times are ms. */
export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly compression: Compression;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly tls: 'on' | 'off';
  readonly tlsCa: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly sasl: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly passwordFile: string;
}

/** One set of connections to the brokers. */
export interface KafkaClient {
  readonly kafka: Kafka;
  /**
   * Ends connections to one broker, `host:port`: what is under way is rejected, and may be tried on new ones. Without a broker it
   * ends all, and every one that is opened later: kafkajs may be in the middle of its tries.
   */
  hangUp(broker?: string): void;
  /**
   * What the work resolves to. kafkajs has waits without an end, as for the answer to a password, which a lost connection doesn't
   * end either: after `msMax` this rejects, and hangs up.
   */
  within<Result>(work: Promise<Result>, msMax?: number): Promise<Result>;
}

/** Told what kafkajs would print. */
export type KafkaLog = (entry: { readonly level: 'error' | 'warn'; readonly text: string }) => void;

interface Credentials {
  readonly ssl: ConnectionOptions | false;
  readonly sasl: SASLOptions | undefined;
}

/** kafkajs waits so long before a second try, and no longer before any. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 1_000 } as const;

let isPrepared = false;

/** What is needed to reach the brokers: the one place where clients of kafkajs are made. */
export class KafkaConnection {
  readonly options: KafkaOptions;
  readonly #credentials: Credentials;
  readonly #log: KafkaLog;

  private constructor(options: KafkaOptions, credentials: Credentials, log: KafkaLog) {
    this.options = options;
    this.#credentials = credentials;
    this.#log = log;
  }

  /** Reads the files that the options name; connects to nothing. Throws CONFIG_INVALID when that can't be had here. */
  static async open(
    options: KafkaOptions,
    log: KafkaLog = () => undefined,
  ): Promise<KafkaConnection> {
    if (!isPrepared) {
      installCodecs();
      calmRequestQueues();
      isPrepared = true;
    }
    if (options.compression === 'zstd' && !HAS_ZSTD) throw noZstd();
    const credentials = { ssl: await tlsOf(options), sasl: await saslOf(options) };
    return new KafkaConnection(options, credentials, log);
  }

  /**
   * A client with connections of its own. kafkajs never replaces one that is silently dead: whoever sees a request time out
   * calls `hangUp`.
   */
  client({ retries }: { readonly retries: number }): KafkaClient {
    const { brokers, connectionTimeout, requestTimeout } = this.options;
    const { ssl, sasl } = this.#credentials;
    const sockets = new Map<Socket, string>();
    let isOver = false;
    const config: KafkaConfig = {
      clientId: 'tsdb-wal',
      brokers: [...brokers],
      ssl,
      ...(sasl !== undefined && { sasl }),
      connectionTimeout,
      authenticationTimeout: requestTimeout,
      requestTimeout,
      retry: { ...RETRY, retries },
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => this.#log(textOf(entry)),
      socketFactory: ({ host, port, ssl: secured, onConnect }) => {
        const socket = openSocket({ host, port, secured, onConnect });
        sockets.set(socket, `${host}:${port}`);
        socket.once('close', () => sockets.delete(socket));
        if (isOver) socket.destroy(new Error(HUNG_UP));
        return socket;
      },
    };
    const hangUp: KafkaClient['hangUp'] = (broker) => {
      isOver ||= broker === undefined;
      for (const [socket, address] of sockets) {
        // Without an error kafkajs would not notice.
        if (broker === undefined || broker === address) socket.destroy(new Error(HUNG_UP));
      }
    };
    const limitMs = 2 * (connectionTimeout + requestTimeout);
    return {
      kafka: new kafkajs.Kafka(config),
      hangUp,
      within: (work, msMax = limitMs) => within(work, msMax, () => hangUp()),
    };
  }
}

function noZstd(): WalError {
  const told = `kafka.compression: Node ${process.version} has no zstd`;
  return new WalError('CONFIG_INVALID', told, {
    hint: 'Use a Node from 22.15 on, or gzip.',
  });
}

async function within<Result>(
  work: Promise<Result>,
  msMax: number,
  giveUp: () => void,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('Kafka did not answer in time'));
      giveUp();
    }, msMax);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const HUNG_UP = 'the connection was given up';
const KEEP_ALIVE_MS = 30_000;

function openSocket(asked: {
  readonly host: string;
  readonly port: number;
  readonly secured: ConnectionOptions | undefined;
  readonly onConnect: () => void;
}): Socket {
  const { host, port, secured, onConnect } = asked;
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = secured
    ? connectTls({ host, port, ...name, ...secured }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.setNoDelay(true);
  return socket;
}

function textOf({ level, namespace, log }: LogEntry): Parameters<KafkaLog>[0] {
  const detail: unknown = log['error'];
  const told = typeof detail === 'string' ? `${log.message}: ${detail}` : log.message;
  return { level: level === logLevel.ERROR ? 'error' : 'warn', text: `${namespace}: ${told}` };
}

async function tlsOf(options: KafkaOptions): Promise<ConnectionOptions | false> {
  if (options.tls === 'off') return false;
  const [ca, cert, key] = await Promise.all([
    readNamed('kafka.tlsCa', options.tlsCa),
    readNamed('kafka.tlsCert', options.tlsCert),
    readNamed('kafka.tlsKey', options.tlsKey),
  ]);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

async function saslOf({
  sasl,
  username,
  passwordFile,
}: KafkaOptions): Promise<SASLOptions | undefined> {
  if (sasl === 'none') return undefined;
  const content = await readNamed('kafka.passwordFile', passwordFile);
  const password = (content ?? '').replace(/\r?\n$/, '');
  return { mechanism: sasl, username, password };
}

async function readNamed(key: string, path: string): Promise<string | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new WalError('CONFIG_INVALID', `${key}: ${(cause as Error).message}`, {
      cause,
      hint: `Name a file that this user can read, or leave ${key} out.`,
    });
  }
}
