import { randomBytes } from 'node:crypto';
import type { KafkaConnection } from '../src/kafka/connection.ts';
import { asAdmin, connectTo } from '../test/kit/topic.ts';
import { BenchError } from './processes.ts';
import { listenerPid } from './procfs.ts';

const LOCAL = new Set(['127.0.0.1', 'localhost']);

/** A name for a topic that nobody else uses. Whoever writes to it makes it; `stop` deletes it. */
export class BenchTopic {
  readonly name = `tsdb-wal-bench-${randomBytes(6).toString('hex')}`;
  readonly #connection: KafkaConnection;
  /** Undefined when the broker is on another machine. */
  readonly brokerPid: number | undefined;

  private constructor(connection: KafkaConnection, brokerPid: number | undefined) {
    this.#connection = connection;
    this.brokerPid = brokerPid;
  }

  /** `broker`: `host:port`, without TLS and users. */
  static async claim(broker: string): Promise<BenchTopic> {
    const [host = '', port = ''] = broker.split(':');
    const connection = await connectTo(broker);
    return new BenchTopic(connection, LOCAL.has(host) ? listenerPid(Number(port)) : undefined);
  }

  async stop(): Promise<void> {
    try {
      await asAdmin(this.#connection, (admin) => admin.deleteTopics({ topics: [this.name] }));
    } catch (cause) {
      throw new BenchError(`bench: the topic ${this.name} could not be deleted`, { cause });
    }
  }
}
