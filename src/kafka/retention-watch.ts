import type { Clock } from '../runtime/clock.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { FetchSession, OffsetGone } from './fetch-session.ts';
import { headroomMs, type Retention, type UnarchivedMessages } from './headroom.ts';
import { readSettings } from './topic-check.ts';

/** How long what is not archived is still kept. */
export type TopicHeadroom =
  /** `ms` is Infinity for a topic that drops nothing, and all of its retention where all is archived. */
  | {
      readonly kind: 'known';
      readonly ms: number;
      /** The one that has the least; null without any. */
      readonly partition: number | null;
      readonly retentionMs: number;
    }
  /** It can't be asked now, or it is not known yet what is archived. */
  | { readonly kind: 'unknown' }
  /** This user may not read its settings. */
  | { readonly kind: 'forbidden' };

export interface RetentionWatchOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly clock: Clock;
  /** What is archived of each partition that is looked after here: the offset of the first message that isn't. Undefined while it is not known which those are. */
  readonly archived: () => ReadonlyMap<number, number> | undefined;
  readonly told: (headroom: TopicHeadroom) => void;
}

const LIMITS = {
  intervalMs: 30_000,
  /** While it is not known what is archived. */
  unknownMs: 1_000,
  /** One message is enough to know its time. */
  fetch: { waitMs: 100, partitionBytesMax: 65_536, bytesMax: 1_048_576 },
} as const;

/** Looks now and then how near Kafka is to dropping what is not archived. */
export class RetentionWatch {
  readonly #options: RetentionWatchOptions;

  constructor(options: RetentionWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, told, archived } = this.#options;
    while (!signal.aborted) {
      const isKnown = archived() !== undefined;
      told(await this.look());
      await clock.sleep(isKnown ? LIMITS.intervalMs : LIMITS.unknownMs, signal);
    }
  }

  async look(): Promise<TopicHeadroom> {
    const { connection, archived } = this.#options;
    const offsets = archived();
    if (offsets === undefined) return { kind: 'unknown' };
    const client = connection.client({ retries: 2 });
    try {
      const retention = await this.#retention(client);
      if (retention === undefined) return { kind: 'forbidden' };
      return await this.#headroom(client, retention, offsets);
    } catch {
      // Who reads the topic tells why.
      return { kind: 'unknown' };
    } finally {
      client.hangUp();
    }
  }

  async #retention(client: KafkaClient): Promise<Retention | undefined> {
    const admin = client.kafka.admin();
    await client.within(admin.connect());
    const settings = await client.within(readSettings(admin, this.#options.topic));
    const ms = settings['retention.ms'];
    const bytes = settings['retention.bytes'];
    if (ms === undefined || bytes === undefined) return undefined;
    return { ms: limitOf(ms), bytes: limitOf(bytes) };
  }

  async #headroom(
    client: KafkaClient,
    retention: Retention,
    offsets: ReadonlyMap<number, number>,
  ): Promise<TopicHeadroom> {
    const { topic, clock } = this.#options;
    const session = await FetchSession.open(client, topic);
    const leaders = [...session.leaders()];
    let least: { readonly ms: number; readonly partition: number | null } = {
      ms: retention.ms,
      partition: null,
    };
    for (const [partition, { low, high }] of await session.ranges([...offsets.keys()])) {
      const offset = offsets.get(partition) ?? 0;
      const nodeId = leaders.find(([, led]) => led.includes(partition))?.[0];
      const oldest =
        offset < low || offset >= high || nodeId === undefined
          ? NOTHING
          : await readOldest(session, nodeId, { partition, offset });
      const ms = headroomMs({ partition, offset, low, high, ...oldest }, retention, clock.now());
      if (least.partition === null || ms < least.ms) least = { ms, partition };
    }
    return { kind: 'known', ...least, retentionMs: retention.ms };
  }
}

const NOTHING = { oldestMs: undefined, messageBytes: 0 };

function limitOf(setting: string): number {
  const limit = Number(setting);
  return limit < 0 ? Infinity : limit;
}

/** The first message from an offset on, and how large those are that come with it. */
async function readOldest(
  session: FetchSession,
  nodeId: string,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<Pick<UnarchivedMessages, 'oldestMs' | 'messageBytes'>> {
  try {
    const [fetched] = await session.fetch(nodeId, new Map([[partition, offset]]), LIMITS.fetch);
    const messages = fetched?.messages ?? [];
    const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    return {
      oldestMs: messages[0]?.timestamp,
      messageBytes: bytes / Math.max(1, messages.length),
    };
  } catch (error) {
    // Retention was faster: the next look says so.
    if (error instanceof OffsetGone) return NOTHING;
    throw error;
  }
}
