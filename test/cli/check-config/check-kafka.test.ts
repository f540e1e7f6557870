import { expect, test } from 'vitest';
import { checkKafka } from '../../../src/cli/check-config/check-kafka.ts';
import { loadConfig } from '../../../src/config/load.ts';

/** No Kafka listens at a port that is reserved for nothing. */
async function check(purpose: 'start' | 'archive' | 'standby', unregistered: 'refuse' | 'allow') {
  const flags = {
    'kafka.brokers': '127.0.0.1:9',
    'kafka.topic.name': 'writes',
    'archiver.unregistered': unregistered,
  };
  return checkKafka(purpose, await loadConfig({ environment: {}, flags }));
}

test('that a start would refuse every write while Kafka is away is said', async () => {
  expect(await check('start', 'refuse')).toMatchObject({
    kind: 'warning',
    says: expect.stringMatching(
      /cannot be asked .*: a start answers 503 to every write/,
    ) as unknown,
  });
  const allowed = await check('start', 'allow');
  expect(allowed).toMatchObject({ kind: 'warning' });
  expect(allowed?.says).not.toContain('503');
});

test('that an archiver would wait for Kafka, and a standby would not start, is said', async () => {
  expect(await check('archive', 'refuse')).toMatchObject({ kind: 'warning' });
  expect(await check('standby', 'refuse')).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
});
