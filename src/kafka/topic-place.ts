import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { writeFileAtomic } from '../runtime/durable-file.ts';
import { partitionOf } from './partition-of.ts';

/** The last message that Kafka has acknowledged, and the last record in it. */
export interface Acknowledged {
  readonly partition: number;
  readonly offset: number;
  readonly lane: string;
  readonly seq: number;
}

interface Content {
  readonly topic: string;
  readonly last: Acknowledged | null;
  /** Lanes by the partition that each is in. */
  readonly lanes: Readonly<Record<string, number>>;
}

/** Lanes that are not the newest matter only while the log still holds them. */
const LANES_MAX = 1_000;

/**
 * `kafka.json` of the data directory: where the log stands in the topic. What is lost with it is sent once more: a lane then
 * may be in two partitions, which readers bear.
 */
export class TopicPlace {
  readonly #path: string;
  readonly topic: string;
  /** The topic that the file is of; undefined when there is none. */
  readonly placeOf: string | undefined;
  #last: Acknowledged | undefined;
  #lanes: Map<string, number>;

  private constructor(path: string, topic: string, content: Content | undefined) {
    this.#path = path;
    this.topic = topic;
    this.placeOf = content?.topic;
    const own = content?.topic === topic ? content : undefined;
    this.#last = own?.last ?? undefined;
    this.#lanes = new Map(Object.entries(own?.lanes ?? {}));
  }

  /** One that is absent, unreadable or of another topic knows nothing. */
  static async open(dataDirectory: string, topic: string): Promise<TopicPlace> {
    return new TopicPlace(pathIn(dataDirectory), topic, await readContent(dataDirectory));
  }

  get last(): Acknowledged | undefined {
    return this.#last;
  }

  /** A lane stays where it was first sent to, unless there is no such partition. */
  partitionOf(lane: string, partitions: readonly number[]): number {
    const known = this.#lanes.get(lane);
    if (known !== undefined && partitions.includes(known)) return known;
    const partition = partitions[partitionOf(lane, partitions.length)] ?? 0;
    this.#lanes.set(lane, partition);
    const [oldest] = this.#lanes.keys();
    if (this.#lanes.size > LANES_MAX && oldest !== undefined) this.#lanes.delete(oldest);
    return partition;
  }

  /** Whether a lane was sent from this directory. */
  knows(lane: string): boolean {
    return this.#lanes.has(lane);
  }

  note(last: Acknowledged): void {
    this.#last = last;
  }

  /** The topic is not the one that was known. Durable when it resolves; when it rejects, nothing is forgotten. */
  async forget(): Promise<void> {
    await this.#write({ last: null, lanes: {} });
    this.#last = undefined;
    this.#lanes = new Map();
  }

  /** Durable when it resolves. */
  async save(): Promise<void> {
    await this.#write({ last: this.#last ?? null, lanes: Object.fromEntries(this.#lanes) });
  }

  async #write({ last, lanes }: Omit<Content, 'topic'>): Promise<void> {
    const text = JSON.stringify({ topic: this.topic, last, lanes });
    await writeFileAtomic(this.#path, `${text}\n${crc32(text).toString(16)}\n`);
  }
}

/** The topic that the log of a data directory went to last; undefined when it went to none, or that can't be read. */
export async function readTopicName(dataDirectory: string): Promise<string | undefined> {
  return (await readContent(dataDirectory))?.topic;
}

async function readContent(dataDirectory: string): Promise<Content | undefined> {
  return readFile(pathIn(dataDirectory), 'utf8').then(parseContent, () => undefined);
}

function pathIn(dataDirectory: string): string {
  return join(dataDirectory, 'kafka.json');
}

function parseContent(text: string): Content | undefined {
  const [content = '', crc] = text.split('\n');
  return crc === crc32(content).toString(16) ? (JSON.parse(content) as Content) : undefined;
}
