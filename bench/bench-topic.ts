import { randomBytes } from 'node:crypto';
import { KafkaConnection } from '../src/kafka/connection.ts';
import { BenchError } from './processes.ts';
import { listenerPid } from './procfs.ts';

const LOCAL = new Set(['127.0.0.1', 'localhost']);
const LIMITS = { connectionTimeout: 3_000, requestTimeout: 10_000, retries: 3 } as const;

/** A name for a topic that nobody else uses. Whoever writes to it makes it; `stop` deletes it. */
export class BenchTopic {
  readonly name = `tsdb-wal-bench-${randomBytes(6).toString('hex')}`;
  readonly connection: KafkaConnection;
  /** Undefined when the broker is on another machine. */
  readonly brokerPid: number | undefined;

  private constructor(connection: KafkaConnection, brokerPid: number | undefined) {
    this.connection = connection;
    this.brokerPid = brokerPid;
  }

  /** `broker`: `host:port`, without TLS and users. */
  static async claim(broker: string): Promise<BenchTopic> {
    const [host = '', port = ''] = broker.split(':');
    const connection = await KafkaConnection.open({
      ...LIMITS,
      brokers: [broker],
      compression: 'gzip',
      tls: 'off',
      tlsCa: '',
      tlsCert: '',
      tlsKey: '',
      sasl: 'none',
      username: '',
      passwordFile: '',
    });
    return new BenchTopic(connection, LOCAL.has(host) ? listenerPid(Number(port)) : undefined);
  }

  async stop(): Promise<void> {
    const admin = this.connection.client(LIMITS).kafka.admin();
    try {
      await admin.connect();
      await admin.deleteTopics({ topics: [this.name] });
    } catch (cause) {
      throw new BenchError(`bench: the topic ${this.name} could not be deleted`, { cause });
    } finally {
      await admin.disconnect();
    }
  }
}
