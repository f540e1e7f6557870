import { rm, writeFile } from 'node:fs/promises';
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
      says: `repository ${there} will be created, and is another one than this directory was archived to (${repository.id} at ${here}): history begins anew there`,
    });
  }
  expect(await isThere(there)).toBe(false);
  // Also once it was archived to, until somebody says that it is meant.
  const other = await joinForTopic(data, there, 2_000);
  expect(await checkRepository('archive', config)).toEqual({
    kind: 'warning',
    says: `repository ${there} is another one (${other.repository.id}) than this directory was archived to (${repository.id} at ${here}): history begins anew there`,
  });
  await writeFile(join(data, 'archive-before.json'), 'spoilt');
  expect(await checkRepository('archive', config)).toEqual({
    kind: 'error',
    code: 'DATA_UNUSABLE',
    says: `${join(data, 'archive-before.json')} is damaged: it cannot be told which repository was named before. Put it back from a copy. Or make sure that the repository that is named is the one that is meant, and remove archive-before.json.`,
  });
  await rm(join(data, 'archive-before.json'));
  expect(await checkRepository('archive', config)).toMatchObject({ kind: 'ok' });
});
