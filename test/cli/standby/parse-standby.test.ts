import { expect, test } from 'vitest';
import { parseStandby } from '../../../src/cli/standby/parse-standby.ts';
import { loadConfig } from '../../../src/config/load.ts';

test('a time to stop at is one that a target comes to, not one that it contains to begin with', async () => {
  const config = await loadConfig({ environment: {}, flags: {} });
  const flags = { target: 'http://new:4242', state: '/s', begin: '2026-06-01T12:00:00Z' };
  expect(() => parseStandby({ ...flags, stopAt: '2026-06-01T11:00:00Z' }, config)).toThrow(
    '--begin 2026-06-01T12:00:00Z is later than --stop-at 2026-06-01T11:00:00Z',
  );
  const { begin, stopAtMs } = parseStandby({ ...flags, stopAt: flags.begin }, config);
  expect(begin).toEqual({ kind: 'at', ms: stopAtMs });
});
