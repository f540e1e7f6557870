import { join } from 'node:path';
import { tellEarlier } from '../archive/process/tell-earlier.ts';
import { type EarlierHome, readEarlierHome } from '../archive/write/earlier-home.ts';
import type { Config } from '../config/options.ts';
import { type FormerPrimary, PRIMARY_BEFORE, readFormerPrimary } from '../follow/former-primary.ts';
import { type FormerTopic, readFormerTopic, TOPIC_BEFORE } from '../kafka/former-topic.ts';
import { formatPosition } from '../record/position.ts';
import { formatInstant } from '../runtime/instant.ts';

/**
 * Tells that what is logged goes to another repository, to another OpenTSDB, or to another topic or none, than it did before: by a mistyped or
 * forgotten name, or a share that isn't mounted, or since it is meant.
 */
export class Elsewhere {
  readonly #config: Config;
  readonly #primary: () => string;
  #before: EarlierHome | undefined;
  #former: FormerPrimary | undefined;
  #formerTopic: FormerTopic | undefined;

  /** `primary`: the origin of the one that is fed. */
  constructor(config: Config, primary: () => string) {
    this.#config = config;
    this.#primary = primary;
  }

  /** For people. */
  get troubles(): readonly string[] {
    const { data } = this.#config;
    const former = this.#former && tellFormer(this.#former, this.#primary(), data);
    const topic = this.#formerTopic && tellFormerTopic(this.#formerTopic, this.#config);
    const repository = this.#before && tellEarlier(this.#before, this.#config, 'log');
    return [former, topic, repository].filter((trouble) => trouble !== undefined);
  }

  /** Call it once a second. */
  async look(): Promise<void> {
    const { archive, data } = this.#config;
    if (archive === 'on') this.#before = await readEarlierHome(data);
    this.#former = await readFormerPrimary(data);
    this.#formerTopic = await readFormerTopic(data, topicOf(this.#config));
  }
}

/** Of a primary that goes on behind what another one got. */
export function tellFormer(
  { primary: before, position, until }: FormerPrimary,
  primary: string,
  data: string,
): string {
  const path = join(data, PRIMARY_BEFORE);
  return `${primary} is another OpenTSDB than this directory fed before: until ${formatInstant(until)} that was ${before}, which has what is logged up to ${formatPosition(position)}. Nothing of that is sent to ${primary}, only what comes behind it. If ${before} is meant, name it again, and start: it gets what came since. If ${primary} is the same one by another name, or was restored to a moment since when ${before} got nothing more (docs/RECOVERY.md, A), remove ${path}`;
}

/** The topic that a configuration names; undefined when there is no Kafka. */
export function topicOf({ kafka: { brokers, topic } }: Config): string | undefined {
  return brokers.length === 0 ? undefined : topic.name;
}

/** Of a log that went to another topic than the configuration names, or names none. */
export function tellFormerTopic({ topic: before, until }: FormerTopic, config: Config): string {
  const topic = topicOf(config);
  const who = `archivers, standbys and other proxies of ${before}`;
  const back = 'and start: it gets what came since, as far as the log still has it';
  const { data } = config;
  if (topic === undefined) {
    return `no topic is named, though this log went to the topic ${before} before: ${who} get nothing of what is written here now. If that is a slip, name it again (--kafka HOST:PORT --topic ${before}), ${back}. If it is meant, remove ${join(data, 'kafka.json')}${until === undefined ? '' : ` and ${join(data, TOPIC_BEFORE)}`}`;
  }
  const when = until === undefined ? 'before' : `until ${formatInstant(until)}`;
  return `${topic} is another topic than this log went to before: ${when} that was ${before}, and ${who} get nothing of what is written here now. If ${before} is meant, name it again, ${back}. If ${topic} is meant, remove ${join(data, TOPIC_BEFORE)}`;
}
