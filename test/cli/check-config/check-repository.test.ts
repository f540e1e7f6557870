import { join } from 'node:path';
import { expect, test } from 'vitest';
import { joinForTopic } from '../../../src/archive/write/join-repository.ts';
import { checkRepository } from '../../../src/cli/check-config/check-repository.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { isThere } from '../../../src/runtime/is-there.ts';
import { tempDirectory } from '../../kit/temp.ts';

test('that a repository would be made is warned of where the directory knows another one', async () => {
  await using folder = await tempDirectory('check-repository');
  const [data = '', here = '', there = ''] = ['data', 'here', 'there'].map((name) =>
    join(folder.path, name),
  );
  const flags = { data, repository: there };
  const config = await loadConfig({ environment: {}, flags });
  expect(await checkRepository('archive', config)).toMatchObject({
    kind: 'ok',
    says: `repository ${there} will be created`,
  });
  const { repository } = await joinForTopic(data, here, 1_000);
  for (const purpose of ['archive', 'start'] as const) {
    expect(await checkRepository(purpose, config)).toEqual({
      kind: 'warning',
      says: `repository ${there} will be created, and is another one than this directory was archived to (${repository.id} at ${here}): history would begin anew`,
    });
  }
  expect(await isThere(there)).toBe(false);
});
