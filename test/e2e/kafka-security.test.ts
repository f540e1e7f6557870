import kafkajs, { type AclEntry } from 'kafkajs';
import { beforeAll, expect, test } from 'vitest';
import { ArchiveRig } from '../archive/archive-rig.ts';
import { freePort } from '../kit/ports.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { runMain } from '../kit/spawn-main.ts';
import { tempDirectory } from '../kit/temp.ts';
import { asAdmin, connectTo, makeTopic } from '../kit/topic.ts';
import { ArchiveMember, notArchived } from './kit/archive-member.ts';
import { type SecuredKafka, startSecuredKafka } from './kit/secured-kafka.ts';
import { putsOf, readTopic, wholeLanes } from './kit/topic-content.ts';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const { TOPIC, GROUP } = AclResourceTypes;
const { CREATE, DESCRIBE, DESCRIBE_CONFIGS, READ, WRITE } = AclOperationTypes;

type Flags = readonly string[];

/** Who comes in good order; last the archiver, where that is someone else. */
const GOOD: Readonly<Record<string, (kafka: SecuredKafka, name?: string) => Flags>> = {
  'by TLS': ({ at, authority }) => ['--kafka', at.tls, ...tls(authority)],
  'by TLS with a certificate': ({ at, authority, client }) => [
    '--kafka',
    at.mtls,
    ...tls(authority),
    '--kafka-tls-cert',
    client.cert,
    '--kafka-tls-key',
    client.key,
  ],
  'by passwords of users with no more rights than they need': (kafka, name) =>
    withPassword(kafka, 'plain', name),
  'by SCRAM-SHA-256': (kafka) => withPassword(kafka, 'scram-sha-256'),
  'by SCRAM-SHA-512, without TLS': ({ at, password }) => [
    '--kafka',
    at.bare,
    ...user('scram-sha-512', password),
  ],
};

/** Those who don't, and what they are told. */
const BAD: Readonly<Record<string, readonly [(kafka: SecuredKafka) => Flags, RegExp]>> = {
  'a wrong password': [
    ({ at, authority, wrongPassword }) => [
      '--kafka',
      at.sasl,
      ...tls(authority),
      ...user('scram-sha-256', wrongPassword),
    ],
    /CONFIG_INVALID: .*SCRAM.* failed.*: look at kafka\.username and kafka\.passwordFile/,
  ],
  'a wrong plain password': [
    ({ at, wrongPassword }) => ['--kafka', at.bare, ...user('plain', wrongPassword)],
    /CONFIG_INVALID: .*PLAIN.* failed.*: look at kafka\.username and kafka\.passwordFile/,
  ],
  'a broker signed by others': [
    ({ at, otherAuthority }) => ['--kafka', at.tls, ...tls(otherAuthority)],
    /CONFIG_INVALID: .*verify.*: kafka\.tlsCa must name the certificate of who signed/,
  ],
  'a certificate that has expired': [
    ({ at, authority }) => ['--kafka', at.expired, ...tls(authority)],
    /CONFIG_INVALID: .*certificate has expired: it needs a new one/,
  ],
  'a certificate of another host': [
    ({ at, authority }) => ['--kafka', at.elsewhere, ...tls(authority)],
    /CONFIG_INVALID: .*127\.0\.0\.1.*must be for the name that it advertises/,
  ],
  'no certificate where one is wanted': [
    ({ at, authority }) => ['--kafka', at.mtls, ...tls(authority)],
    /CONFIG_INVALID: .*kafka\.tlsCert and kafka\.tlsKey must name one that it trusts/,
  ],
  'no TLS where it is wanted': [
    ({ at }) => ['--kafka', at.tls],
    /warning: .*should it stay so: that port may want kafka\.tls/,
  ],
  'TLS where it is not spoken': [
    ({ open, authority }) => ['--kafka', open, ...tls(authority)],
    /warning: .*should it stay so: that port of the broker does not speak TLS/,
  ],
  'no user where one is wanted': [
    ({ at, authority }) => ['--kafka', at.sasl, ...tls(authority)],
    /warning: .*should it stay so: that port may want kafka\.sasl/,
  ],
  'a user where none is wanted': [
    ({ at, authority, password }) => [
      '--kafka',
      at.tls,
      ...tls(authority),
      ...user('plain', password),
    ],
    /CONFIG_INVALID: .*asks for no user: leave kafka\.sasl out/,
  ],
};

describeOnStack('with a Kafka that is secured', (stack) => {
  let kafka: SecuredKafka;

  beforeAll(async () => {
    const folder = await tempDirectory('secured');
    kafka = await startSecuredKafka(await stack(), folder.path);
    // As docs/KAFKA.md has it.
    const proxy = [CREATE, DESCRIBE, DESCRIBE_CONFIGS, READ, WRITE];
    await grant(['alice', 'CN=proxy'], TOPIC, 'tsdb-', proxy);
    await grant(['carol'], TOPIC, 'tsdb-', [DESCRIBE, READ]);
    await grant(['alice', 'carol', 'CN=proxy'], GROUP, 'tsdb-wal-archive-', [READ]);
    await grant(['alice'], TOPIC, 'seen', [DESCRIBE, DESCRIBE_CONFIGS]);
    await makeTopic(await connectTo(kafka.open), 'seen', 1);
    return async () => {
      await kafka.broker.kill9();
      await folder[Symbol.asyncDispose]();
    };
  });

  test.concurrent.each(Object.keys(GOOD))(
    'check-config, start and archive work %s',
    async (way) => {
      const topic = `tsdb-${way.replaceAll(/\W/g, '-')}`;
      const flags = [
        ...(GOOD[way]?.(kafka) ?? []),
        '--topic',
        topic,
        '--kafka-topic-create',
        'true',
      ];
      const replicated = [...flags, '--kafka-topic-replication', '1', '--archive', 'off'];
      expect(await checkConfig(replicated)).toMatch(/ok: kafka .* will be made/);
      await using proxy = await ProxyProcess.start({
        primary: 'http://127.0.0.1:9',
        flags: replicated,
      });
      await using rig = await ArchiveRig.create();
      const [, brokers = '', ...rest] = GOOD[way]?.(kafka, 'carol') ?? [];
      const member = new ArchiveMember(rig, { brokers, topic, name: 'a', flags: rest });
      member.start();
      try {
        await put(proxy);
        expect(await proxy.terminate()).toBe(0);
        const lanes = wholeLanes(await readTopic(await connectTo(kafka.open), topic));
        expect(putsOf(lanes)).toEqual(['put m 1700000000 1 h=a']);
        await expect.poll(() => notArchived(rig, lanes)).toEqual([]);
      } finally {
        await member.kill();
      }
    },
  );

  test('check-config says what is wrong, and what to do', async () => {
    const topic = ['--topic', 'seen'];
    expect(await checkConfig(['--kafka', kafka.open, ...topic])).toMatch(/seen has 1 partitions/);
    const said = Object.entries(BAD).map(async ([name, [flags, says]]) => {
      expect(`${name}: ${await checkConfig([...flags(kafka), ...topic])}`).toMatch(says);
    });
    await Promise.all(said);
  });

  test('a proxy whose password is wrong says so, and what to do', async () => {
    const flags = [
      ...(BAD['a wrong password']?.[0](kafka) ?? []),
      '--topic',
      'tsdb',
      '--archive',
      'off',
    ];
    expect(await troublesOf(flags)).toMatch(/look at kafka\.username and kafka\.passwordFile/);
  });

  test('a proxy that may not write to its topic says what the user needs', async () => {
    const flags = [...withPassword(kafka, 'plain'), '--topic', 'seen', '--archive', 'off'];
    expect(await troublesOf(flags)).toMatch(/to write takes Describe, Read and Write/);
  });

  /** Rights on all whose names begin so. */
  async function grant(
    users: readonly string[],
    type: AclEntry['resourceType'],
    prefix: string,
    operations: readonly AclEntry['operation'][],
  ): Promise<void> {
    const acl = users.flatMap((name) =>
      operations.map((operation) => aclOf(`User:${name}`, type, prefix, operation)),
    );
    await asAdmin(await connectTo(kafka.open), (admin) => admin.createAcls({ acl }));
  }
});

function aclOf(
  principal: string,
  resourceType: AclEntry['resourceType'],
  resourceName: string,
  operation: AclEntry['operation'],
): AclEntry {
  return {
    principal,
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.PREFIXED,
    operation,
    permissionType: AclPermissionTypes.ALLOW,
    host: '*',
  };
}

function tls(authority: string): Flags {
  return ['--kafka-tls', 'on', '--kafka-tls-ca', authority];
}

function user(sasl: string, passwordFile: string, name = 'alice'): Flags {
  return ['--kafka-sasl', sasl, '--kafka-username', name, '--kafka-password-file', passwordFile];
}

function withPassword(
  { at, authority, password }: SecuredKafka,
  sasl: string,
  name?: string,
): Flags {
  return ['--kafka', at.sasl, ...tls(authority), ...user(sasl, password, name)];
}

async function put(proxy: ProxyProcess): Promise<void> {
  const body = JSON.stringify({
    metric: 'm',
    timestamp: 1_700_000_000,
    value: 1,
    tags: { h: 'a' },
  });
  const answer = await fetch(`${proxy.url}/api/put`, { method: 'POST', body });
  expect(answer.status).toBe(204);
}

/** What `/health` tells of Kafka, once it tells something. */
async function troublesOf(flags: Flags): Promise<string> {
  const primary = 'http://127.0.0.1:9';
  await using proxy = await ProxyProcess.start({ primary, flags, until: 'answering' });
  const told = async (): Promise<string> => {
    const health = await (await fetch(`${proxy.adminUrl}/health`)).text();
    return /Kafka is down[^"]*/.exec(health)?.[0] ?? '';
  };
  await expect.poll(told).not.toBe('');
  return await told();
}

/** What it prints of what it finds. */
async function checkConfig(flags: Flags): Promise<string> {
  await using data = await tempDirectory();
  const listen = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const places = ['--data', data.path, '--listen', listen, '--admin', admin];
  const { stderr } = await runMain('check-config', ...places, ...flags);
  return stderr;
}
