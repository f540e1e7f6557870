import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from '../../../scripts/stack/daemon.ts';
import type { Stack } from '../../../scripts/stack/stack.ts';
import { freePort } from '../../kit/ports.ts';
import { Authority, type Certificate } from './certificates.ts';

/** Who may connect how. */
const WAYS = ['tls', 'mtls', 'sasl', 'bare', 'expired', 'elsewhere'] as const;
type Way = (typeof WAYS)[number];

const PROTOCOLS = {
  tls: 'SSL',
  mtls: 'SSL',
  sasl: 'SASL_SSL',
  /** Passwords without TLS. */
  bare: 'SASL_PLAINTEXT',
  expired: 'SSL',
  elsewhere: 'SSL',
} as const;

export interface SecuredKafka {
  readonly broker: Daemon;
  /** Without TLS and users; whoever comes there may do anything. */
  readonly open: string;
  readonly at: Readonly<Record<Way, string>>;
  readonly authority: string;
  /** One that has signed nothing here. */
  readonly otherAuthority: string;
  /** Of `CN=proxy`. */
  readonly client: Certificate;
  /** Files with passwords of the user `alice`, and of `carol` where passwords are plain. */
  readonly password: string;
  readonly wrongPassword: string;
}

/** One broker that is reached in every way; who isn't anonymous may do what is granted to them. */
export async function startSecuredKafka(stack: Stack, folder: string): Promise<SecuredKafka> {
  const authority = await Authority.create(folder, 'authority');
  const other = await Authority.create(folder, 'other');
  const good = await authority.sign('good', 'IP:127.0.0.1');
  const expired = await authority.sign('expired', 'IP:127.0.0.1', -1);
  const elsewhere = await authority.sign('elsewhere', 'DNS:kafka.example.org');
  const client = await authority.sign('proxy', 'DNS:proxy');
  const openPort = await freePort();
  const ports = await Promise.all(WAYS.map(freePort));
  const listeners = WAYS.map((way, index) => ({
    name: way.toUpperCase(),
    protocol: PROTOCOLS[way],
    port: ports[index] ?? 0,
  }));
  const password = join(folder, 'password');
  const wrongPassword = join(folder, 'wrong-password');
  await writeFile(password, 'secret\n');
  await writeFile(wrongPassword, 'guess\n');
  const broker = await stack.ownKafka('secured', {
    listeners: [{ name: 'PLAINTEXT', port: openPort }, ...listeners],
    settings: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      ...settingsOf({ tls: good, mtls: good, sasl: good, expired, elsewhere }),
      'listener.name.mtls.ssl.client.auth': 'required',
      'listener.name.mtls.ssl.truststore.type': 'PEM',
      'listener.name.mtls.ssl.truststore.location': authority.cert,
      ...saslSettings('sasl'),
      ...saslSettings('bare'),
    },
    scramUsers: ['256', '512'].map((bits) => `SCRAM-SHA-${bits}=[name=alice,password=secret]`),
  });
  const addresses = WAYS.map((way, index) => [way, `127.0.0.1:${ports[index]}`] as const);
  return {
    broker,
    open: `127.0.0.1:${openPort}`,
    at: Object.fromEntries(addresses) as Record<Way, string>,
    authority: authority.cert,
    otherAuthority: other.cert,
    client,
    password,
    wrongPassword,
  };
}

function settingsOf(shown: Partial<Record<Way, Certificate>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(shown).flatMap(([way, { both }]) => [
      [`listener.name.${way}.ssl.keystore.type`, 'PEM'],
      [`listener.name.${way}.ssl.keystore.location`, both],
    ]),
  );
}

function saslSettings(way: Way): Record<string, string> {
  const name = `listener.name.${way}`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    [`${name}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${name}.plain.sasl.jaas.config`]:
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret" user_carol="secret";',
    [`${name}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${name}.scram-sha-512.sasl.jaas.config`]: scram,
  };
}
