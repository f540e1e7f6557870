import { archivedBefore } from '../archive/write/archive-cursor.ts';
import { readArchiveHome } from '../archive/write/archive-home.ts';
import type { Config } from '../config/options.ts';
import { type Met, meetPrimary } from '../follow/former-primary.ts';
import { PrimaryChoice } from '../follow/primary-choice.ts';
import { PrimaryFacts } from '../follow/primary-facts.ts';
import { lookFormerTopic, meetTopic } from '../kafka/former-topic.ts';
import type { TopicPlace } from '../kafka/topic-place.ts';
import { formatPosition } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';
import { readClosedMark } from '../wal/closed-mark.ts';
import { Cursor } from '../wal/cursor.ts';
import { LogReader } from '../wal/log-reader.ts';
import type { Wal, WalEvents } from '../wal/log.ts';
import { Archiving } from './archiving.ts';
import { Elsewhere, tellFormer, tellFormerTopic } from './elsewhere.ts';
import { LaneGate } from './lane-gate.ts';
import { keepersOf, openWal } from './open-wal.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { Unarchived } from './unarchived.ts';
import type { Replication, ReplicationEvents } from './replication.ts';

export interface PartsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly version: string;
}

interface PartsEvents {
  readonly wal: WalEvents;
  readonly replication: ReplicationEvents;
}

/** What a proxy is made of: the log, and those who follow it or must know of its lanes. */
export interface Parts {
  readonly wal: Wal;
  readonly cursor: Cursor;
  readonly choice: PrimaryChoice;
  readonly facts: PrimaryFacts;
  /** Undefined when nothing is archived. */
  readonly archiving: Archiving | undefined;
  readonly unarchived: Unarchived;
  readonly elsewhere: Elsewhere;
  /** Undefined when there is no Kafka. */
  readonly replication: Replication | undefined;
  readonly gate: LaneGate;
}

/** Opens what is in `config.data`, which must be locked for this process. A start that is refused has opened no lane. */
export async function openParts(options: PartsOptions, events: PartsEvents): Promise<Parts> {
  const { config, clock, logger, metrics } = options;
  const cursor = await Cursor.open(config.data, 'primary');
  const choice = await PrimaryChoice.open(config.data, config.primary, cursor);
  const met = await meet(options, cursor, choice);
  const facts = await PrimaryFacts.open(config.data);
  const kafkaCursor =
    config.kafka.brokers.length > 0 ? await Cursor.open(config.data, 'kafka') : undefined;
  // The client of Kafka takes a tenth of a start to load: only where there is one.
  const kafka = kafkaCursor && (await import('./replication.ts'));
  const topic = await kafka?.openTopic(config, logger);
  await meetTopicOf(options, topic?.place);
  const unarchived = await Unarchived.open(config, logger, clock);
  const home = await readArchiveHome(config.data).catch(() => undefined);
  const archived = await archivedBefore(config.data);
  const isArchived = config.archive === 'on' || archived !== undefined;
  const followers = [
    ...(isArchived ? [{ did: 'archived', position: archived }] : []),
    ...(kafkaCursor ? [{ did: 'in Kafka', position: kafkaCursor.position }] : []),
    { did: 'confirmed by OpenTSDB', position: cursor.position },
  ];
  // A lane of which no cursor tells yet may be gone as well.
  const lanes = home?.newest === undefined ? [] : [home.newest];
  const closed = await readClosedMark(config.data);
  const known = { followers, lanes, ...(closed && { closed }) };
  const wal = await openWal(options, known, events.wal);
  if (met.isBack) await tellBack(options, met, { primary: choice.url.origin, wal });
  // From here on nothing waits: what the log tells goes to nobody until the proxy is made.
  const gate = new LaneGate(wal, keepersOf(config));
  const common = { config, clock, logger };
  const archiving =
    config.archive === 'on'
      ? new Archiving({ ...common, metrics: metrics.archive(), wal: gate.keeper('archive') })
      : undefined;
  const replication =
    kafka && kafkaCursor && topic
      ? new kafka.Replication({
          ...common,
          metrics: metrics.kafka(),
          wal,
          keeper: gate.keeper('kafka'),
          cursor: kafkaCursor,
          topic,
          term: () => choice.said,
          events: events.replication,
        })
      : undefined;
  const elsewhere = new Elsewhere(config, () => choice.url.origin);
  return { wal, cursor, choice, facts, archiving, unarchived, elsewhere, replication, gate };
}

/** Whether it is another OpenTSDB than before that goes on at the cursor. */
async function meet(
  { config: { data }, logger, clock }: PartsOptions,
  cursor: Cursor,
  { url: { origin: primary } }: PrimaryChoice,
): Promise<Met> {
  const met = await meetPrimary(data, primary, { cursor, now: clock.now() });
  if (met.former !== undefined) logger.warn(tellFormer(met.former, primary, data));
  return met;
}

/** That one is fed again goes on from its place, as far as the log reaches back. */
async function tellBack(
  { logger }: PartsOptions,
  { from }: Met,
  { primary, wal }: { readonly primary: string; readonly wal: Wal },
): Promise<void> {
  const told = 'this OpenTSDB was fed before another one was: it gets what the log has since';
  const reader = new LogReader(wal);
  const next = await reader.next(from);
  await reader.close();
  const [oldest] = wal.segments;
  if (next?.kind !== 'hole' || oldest === undefined) {
    logger.warn({ primary, after: from && formatPosition(from) }, told);
    return;
  }
  logger.error(
    { primary, after: from && formatPosition(from) },
    `${told}, which begins at ${formatInstant(oldest.createdAt)}: what came between is a hole there. \`tsdb-wal compare --source OTHER --target ${primary} --repair\` brings it from one that has it`,
  );
}

/** Whether it is another topic than before that the log goes to, or none. `place`: undefined when there is no Kafka. */
async function meetTopicOf(
  { config, logger, clock }: PartsOptions,
  place: TopicPlace | undefined,
): Promise<void> {
  if (place === undefined) {
    const former = await lookFormerTopic(config.data, undefined);
    if (former !== undefined) logger.warn(tellFormerTopic(former, config));
    return;
  }
  const met = await meetTopic(config.data, place, clock.now());
  switch (met.kind) {
    case 'same':
      return;
    case 'other':
      logger.warn(tellFormerTopic(met.former, config));
      return;
    case 'back':
      logger.warn(
        { topic: place.topic },
        'the log went to this topic before it went to another one: it gets all that the log still has',
      );
  }
}
