import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { flatten, groupOf } from '../../src/config/option-table.ts';
import { GROUPS } from '../../src/config/groups.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { REFERENCE_PAGES } from '../../src/config/reference.ts';

const nothing = { environment: {}, flags: {} };

describe('the reference', () => {
  test.each(Object.entries(REFERENCE_PAGES))('%s is what `npm run docs` makes', (path, render) => {
    expect(readFileSync(path, 'utf8')).toBe(render());
  });

  test('as a file gives the defaults', async () => {
    const config = await loadConfig({ ...nothing, file: 'config/reference.yaml' });
    expect(config).toEqual(await loadConfig(nothing));
  });

  test('has an example beside it that can be used', async () => {
    const config = await loadConfig({ ...nothing, file: 'config/example.yaml' });
    expect(config.primary).toBe('http://127.0.0.1:4242');
  });

  test('describes every option in sentences, and every group', () => {
    const described = flatten(OPTIONS).filter(({ option }) => /^\S.*\.$/.test(option.describe));
    expect(described).toHaveLength(flatten(OPTIONS).length);
    const groups = flatten(OPTIONS).map(({ key }) => groupOf(key));
    expect(Object.keys(GROUPS)).toEqual([...new Set(groups)]);
  });
});
