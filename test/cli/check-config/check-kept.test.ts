import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { checkAddresses } from '../../../src/cli/check-config/check-addresses.ts';
import { readKept } from '../../../src/cli/check-config/check-kept.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { freePort } from '../../kit/ports.ts';
import { tempDirectory } from '../../kit/temp.ts';

const KAFKA = { 'kafka.brokers': 'kafka-1:9092' };

test.each([
  ['cursors/primary.json', {}],
  ['cursors/kafka.json', KAFKA],
  ['forks.json', {}],
  ['primary-term.json', {}],
  ['primary-before.json', {}],
  ['wal', {}],
])('what a start is refused for is found: a spoilt %s', async (name, flags) => {
  await using data = await tempDirectory('check-kept');
  const config = await loadConfig({ environment: {}, flags: { ...flags, data: data.path } });
  await Promise.all(readKept(config));
  const path = join(data.path, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'spoilt');
  await expect(Promise.all(readKept(config))).rejects.toMatchObject({
    code: 'DATA_UNUSABLE',
    message: expect.stringContaining(path) as string,
  });
});

test('the admin address of each worker is looked at', async () => {
  await using data = await tempDirectory('check-kept');
  const port = await freePort();
  await using taken = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(taken, 'listening');
  const flags = {
    ...KAFKA,
    archive: 'off',
    workers: '2',
    data: data.path,
    admin: `127.0.0.1:${port - 2}`,
  };
  const config = await loadConfig({ environment: {}, flags });
  const found = await checkAddresses('start', config, []);
  expect(found.filter(({ says }) => says.startsWith('admin of worker 2 '))).toMatchObject([
    { kind: 'error', code: 'LISTEN_FAILED' },
  ]);
});
