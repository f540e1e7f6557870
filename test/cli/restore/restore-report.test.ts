import { expect, test } from 'vitest';
import { jsonReport } from '../../../src/cli/restore/restore-report.ts';

test('as JSON each event of a restore names the contract', () => {
  let out = '';
  const report = jsonReport({
    out: (text) => (out += text),
    err: () => undefined,
    isTerminal: false,
  });
  report({ event: 'restarting', reason: 'it was of another target' });
  expect(out).toBe(
    '{"contract":"tsdb-wal restore","version":1,"event":"restarting","reason":"it was of another target"}\n',
  );
});
