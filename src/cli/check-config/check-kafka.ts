import type { Config } from '../../config/options.ts';
import { KafkaConnection } from '../../kafka/connection.ts';
import type { Failure } from '../../kafka/failure.ts';
import { checkTopic } from '../../kafka/topic-check.ts';
import { WalError } from '../../runtime/errors.ts';
import type { ConfigFinding, Purpose } from './finding.ts';

/** Whether the topic is there, and such that it can be used. Makes no topic. */
export async function checkKafka(
  purpose: Purpose,
  config: Config,
): Promise<ConfigFinding | undefined> {
  const { brokers, topic } = config.kafka;
  if (brokers.length === 0) return undefined;
  const shown = `kafka ${brokers.join()}`;
  try {
    const connection = await KafkaConnection.open(config.kafka);
    const { told, warnings, failure } = await checkTopic(connection, { ...topic, create: false });
    if (failure !== undefined) return judgeFailure(purpose, shown, failure, config);
    const kind = warnings.length > 0 ? 'warning' : 'ok';
    return { kind, says: `${shown}: ${[...told, ...warnings].join('; ')}` };
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    const { code, message, hint } = error;
    if (code === 'TOPIC_MISSING' && topic.create) return judgeUnmade(purpose, shown, topic.name);
    const says = `${shown}: ${message}. ${hint}`;
    // Whoever only reads can live with what hinders writes.
    return code === 'TOPIC_UNUSABLE' && purpose !== 'start'
      ? { kind: 'warning', says }
      : { kind: 'error', code, says };
  }
}

/** What a start does with writes while its lane is in no topic. */
const UNREGISTERED: Readonly<Record<Config['archiver']['unregistered'], string>> = {
  refuse:
    'a start answers 503 to every write for as long as that lasts, unless archiver.unregistered is allow; one that runs by then keeps them for it',
  allow: 'a start takes writes after some seconds all the same, and keeps them for it',
};

/** Only a proxy makes the topic. */
function judgeUnmade(purpose: Purpose, shown: string, topic: string): ConfigFinding {
  switch (purpose) {
    case 'start':
      return { kind: 'ok', says: `${shown}: the topic ${topic} will be made` };
    case 'archive':
      return {
        kind: 'warning',
        says: `${shown}: there is no topic ${topic} yet: it is waited for, until a proxy makes it`,
      };
    case 'standby':
      return {
        kind: 'error',
        code: 'TOPIC_MISSING',
        says: `${shown}: there is no topic ${topic} yet: start a proxy first, which makes it`,
      };
  }
}

function judgeFailure(
  purpose: Purpose,
  shown: string,
  { isLasting, says }: Failure,
  { archiver }: Config,
): ConfigFinding {
  if (isLasting) return { kind: 'error', code: 'CONFIG_INVALID', says: `${shown}: ${says}` };
  const told = `${shown} cannot be asked (${says})`;
  switch (purpose) {
    case 'start':
      return { kind: 'warning', says: `${told}: ${UNREGISTERED[archiver.unregistered]}` };
    case 'archive':
      return { kind: 'warning', says: `${told}: it is waited for, and nothing is archived` };
    case 'standby':
      return { kind: 'error', code: 'KAFKA_UNREACHABLE', says: told };
  }
}
