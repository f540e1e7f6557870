import { expect, test, vi } from 'vitest';
import { runMain } from '../kit/run-main.ts';

vi.setConfig({ testTimeout: 30_000 });

test.each([
  [['--too', 'safe'], "error: unknown option '--too'\n(Did you mean --to?)\n"],
  [[], 'error CONFIG_INVALID: --to is missing\nhint: Write --to safe for the latest moment'],
  [['--to', 'saef'], 'error CONFIG_INVALID: --to saef is no time\nhint: Write safe for the latest'],
])('exits with 2 on a restore with %j, and says what to write', async (flags, says) => {
  const { code, stderr } = await runMain(['restore', '--data', 'd', '--dry-run', ...flags]);
  expect(code).toBe(2);
  expect(stderr).toContain(says);
});
