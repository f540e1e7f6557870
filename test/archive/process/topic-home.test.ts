import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Health } from '../../../src/admin/admin-server.ts';
import { joinForTopic } from '../../../src/archive/write/join-repository.ts';
import { isThere } from '../../../src/runtime/is-there.ts';
import { freePort } from '../../kit/ports.ts';
import { buildMain, spawnMain } from '../../kit/spawn-main.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { until } from '../../kit/until.ts';

beforeAll(buildMain);

/** What /health of an archiver of a topic says once it says something of the repository; without Kafka. */
async function healthOf(
  data: string,
  repository: string,
  isTold: (health: Health) => boolean,
): Promise<Health> {
  const admin = `127.0.0.1:${await freePort()}`;
  const places = ['--data', data, '--repository', repository, '--admin', admin];
  const kafka = ['--kafka', '127.0.0.1:1', '--topic', 'tsdb-wal'];
  const child = spawnMain(['archive', ...kafka, ...places]);
  child.stdout.resume();
  child.stderr.resume();
  const ended = once(child, 'exit');
  try {
    let health: Health = { ok: true, reasons: [], degraded: [] };
    await until(async () => {
      const answer = await fetch(`http://${admin}/health`).catch(() => undefined);
      health = ((await answer?.json()) as Health | undefined) ?? health;
      return isTold(health);
    });
    return health;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

test('an archiver of a topic waits for its repository that is gone, and tells of another one over later starts', async () => {
  await using folder = await tempDirectory('topic-home');
  const [data = '', here = '', there = ''] = ['data', 'here', 'there'].map((name) =>
    join(folder.path, name),
  );
  const { repository } = await joinForTopic(data, here, 1_000);
  await rm(here, { recursive: true });
  const gone = await healthOf(data, here, ({ reasons }) => reasons.length > 0);
  expect(gone).toMatchObject({
    ok: false,
    reasons: [expect.stringContaining(`repository ${repository.id} is gone from ${here}`)],
    degraded: [],
  });
  expect(await isThere(here)).toBe(false);
  const told = `${there} is another repository than this directory was archived to before`;
  // Kafka is looked for once the repository is joined, and that is remembered.
  const other = await healthOf(
    data,
    there,
    ({ degraded, reasons }) => degraded.length > 0 && reasons.join().includes('ECONNREFUSED'),
  );
  expect(other.degraded).toEqual([expect.stringContaining(told)]);
  expect(other.degraded[0]).toContain('what the topic still has is archived there, too');
  // That is known by now as well.
  await rm(there, { recursive: true });
  const later = await healthOf(data, there, ({ reasons }) => reasons.length > 0);
  expect(later.reasons).toEqual([expect.stringContaining(`is gone from ${there}`)]);
  expect(later.degraded).toEqual([expect.stringContaining(told)]);
});
