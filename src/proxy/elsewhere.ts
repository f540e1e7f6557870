import { join } from 'node:path';
import { lookFormerHome } from '../archive/process/look-former-home.ts';
import type { Config } from '../config/options.ts';
import { type FormerPrimary, formerPrimary } from '../follow/former-primary.ts';
import { type FormerTopic, formerTopic, lookFormerTopic } from '../kafka/former-topic.ts';
import { formatPosition } from '../record/position.ts';
import { toldOf } from '../runtime/former-note.ts';
import { formatInstant } from '../runtime/instant.ts';
import { Cursor } from '../wal/cursor.ts';

/**
 * Tells that what is logged goes to another repository, to another OpenTSDB, or to another topic or none, than it did before: by a mistyped or
 * forgotten name, or a share that isn't mounted, or since it is meant.
 */
export class Elsewhere {
  readonly #config: Config;
  readonly #primary: () => string;
  #troubles: readonly string[] = [];

  /** `primary`: the origin of the one that is fed. */
  constructor(config: Config, primary: () => string) {
    this.#config = config;
    this.#primary = primary;
  }

  /** For people. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Call it every few seconds. */
  async look(): Promise<void> {
    const config = this.#config;
    const { archive, data } = config;
    const looks = await Promise.all([
      toldOf(formerPrimary(data).read(), (former) => tellFormer(former, this.#primary(), data)),
      toldOf(lookFormerTopic(data, topicOf(config)), (former) => tellFormerTopic(former, config)),
      archive === 'on' ? lookFormerHome(config, 'log') : undefined,
    ]);
    this.#troubles = looks.filter((trouble) => trouble !== undefined);
  }
}

/** Of a primary that goes on after what another one got. */
export function tellFormer(former: FormerPrimary, primary: string, data: string): string {
  const { primary: before, position, until } = former;
  const since =
    until === undefined ? '' : `, with all that is received from ${formatInstant(until)} on`;
  const note = formerPrimary(data);
  const told = note.tell(former, {
    named: primary,
    than: 'OpenTSDB than this directory fed',
    before,
    so: `, which has what is logged up to ${formatPosition(position)}. ${primary} gets what comes after that${since}, or what comes after where it stood itself if it was fed before, and nothing of what came earlier`,
    name: 'name it again',
    back: 'it gets what came since, as far as the log still has it',
    isMeant: `${primary} is the same one by another name, or was restored to a moment since when ${before} got nothing more (docs/RECOVERY.md, A)`,
  });
  return `${told}. If ${before} was the slip, and ${primary} is to have what came earlier, too, stop, remove ${note.path} and ${Cursor.pathOf(data, 'primary')}, and start: it gets all that the log still has`;
}

/** The topic that a configuration names; undefined when there is no Kafka. */
export function topicOf({ kafka: { brokers, topic } }: Config): string | undefined {
  return brokers.length === 0 ? undefined : topic.name;
}

/** Of a log that went to another topic than the configuration names, or names none. */
export function tellFormerTopic(former: FormerTopic, config: Config): string {
  const { topic: before, until } = former;
  const topic = topicOf(config);
  const note = formerTopic(config.data);
  const lacks = `archivers, standbys and other proxies of ${before} get nothing of what is written here now`;
  const back = 'it gets what came since, as far as the log still has it';
  if (topic === undefined) {
    return `no topic is named, though this log went to the topic ${before} before: ${lacks}. If that is a slip, name it again (--kafka HOST:PORT --topic ${before}), and start: ${back}. If it is meant, remove ${join(config.data, 'kafka.json')}${until === undefined ? '' : ` and ${note.path}`}`;
  }
  return note.tell(former, {
    named: topic,
    than: 'topic than this log went to',
    before,
    so: `, and ${lacks}`,
    name: 'name it again',
    back,
    isMeant: `${topic} is meant`,
  });
}
