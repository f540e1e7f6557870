import type { KafkaOptions } from './connection.ts';

/** Why Kafka does not do what it was asked to. */
export interface Failure {
  /** With what is to be done, where only a person can. */
  readonly says: string;
  /** Nothing but other settings, here or there, will mend it. */
  readonly isLasting: boolean;
}

interface ClientError extends Error {
  readonly type?: string;
  readonly code?: string | number;
}

/** Signed by none that is trusted here. */
const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

/** Reads an error of kafkajs, which wraps those of the brokers, of TLS and of sockets. */
export function explainFailure(
  error: unknown,
  { options, topic }: { readonly options: KafkaOptions; readonly topic: string },
): Failure {
  const outer = error as ClientError;
  const cause = (outer.cause ?? outer) as ClientError;
  const message = cause.message === '' ? outer.message : cause.message;
  const lasting =
    ofBroker(outer.type ?? cause.type, options, topic) ?? ofUser(cause) ?? ofTls(cause);
  if (lasting !== undefined) return { says: lasting, isLasting: true };
  return { says: `${message}${doubt(cause, options)}`, isLasting: false };
}

/** Whether the error, or what it comes of, is the brokers' word that there is no such topic. */
export function isTopicMissing(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ((one as ClientError).type === 'UNKNOWN_TOPIC_OR_PARTITION') return true;
  }
  return false;
}

function ofBroker(
  type: string | undefined,
  { brokers }: KafkaOptions,
  topic: string,
): string | undefined {
  switch (type) {
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return `a message is too large for the topic: run kafka-configs.sh --bootstrap-server ${brokers[0] ?? ''} --alter --entity-type topics --entity-name ${topic} --add-config max.message.bytes=1048588`;
    case 'UNKNOWN_TOPIC_OR_PARTITION':
      return `there is no topic ${topic}, or none that this user may see: \`tsdb-wal check-config\` says how it is made`;
    case 'TOPIC_AUTHORIZATION_FAILED':
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return `the user may not use ${topic} so: to write takes Describe, Read and Write on it, to read Describe and Read`;
    case 'GROUP_AUTHORIZATION_FAILED':
      return 'the user may not join the consumer group: archivers need Read on tsdb-wal-archive-…';
    case 'UNSUPPORTED_SASL_MECHANISM':
      return 'that port of the broker does not know what kafka.sasl says';
    case 'ILLEGAL_SASL_STATE':
      return 'that port of the broker asks for no user: leave kafka.sasl out, or name another port';
    case undefined:
    default:
      return undefined;
  }
}

function ofUser({ name, message }: ClientError): string | undefined {
  if (name !== 'KafkaJSSASLAuthenticationError') return undefined;
  return `${message}: look at kafka.username and kafka.passwordFile`;
}

function ofTls({ code, message }: ClientError): string | undefined {
  if (typeof code !== 'string') return undefined;
  if (UNTRUSTED.has(code)) {
    return `${message}: kafka.tlsCa must name the certificate of who signed the broker’s`;
  }
  if (code === 'CERT_HAS_EXPIRED') {
    return `the broker’s ${message.replace(/^.*: /, '')}: it needs a new one, unless the clock here is wrong`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `${message.trim()}: the broker’s certificate must be for the name that it advertises`;
  }
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return 'the broker refuses the certificate that it is shown, or wants one: kafka.tlsCert and kafka.tlsKey must name one that it trusts';
  }
  return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO' ? NO_TLS : undefined;
}

const NO_TLS = 'that port of the broker does not speak TLS: set kafka.tls to off, or name another';

/** A broker that is asked in a wrong way just closes; but so does one that is being stopped. */
function doubt({ name, message }: ClientError, { tls, sasl }: KafkaOptions): string {
  if (message.includes('before secure TLS connection')) return `; should it stay so: ${NO_TLS}`;
  if (name !== 'KafkaJSConnectionClosedError') return '';
  if (tls === 'off') return '; should it stay so: that port may want kafka.tls, or kafka.sasl';
  return sasl === 'none' ? '; should it stay so: that port may want kafka.sasl' : '';
}
