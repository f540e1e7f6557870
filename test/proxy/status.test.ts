import { expect, test } from 'vitest';
import { tellLost } from '../../src/proxy/status.ts';

test('health says of lost records where to see what is archived of them, if anything is archived', () => {
  const hole = { lane: '00112233445566ff', from: 1, to: 985, reason: 'missing from the log' };
  const lost = 'records 00112233445566ff/1 to 985 are lost: missing from the log';
  expect(tellLost(hole, false)).toBe(lost);
  expect(tellLost(hole, true)).toBe(`${lost}; \`tsdb-wal info\` tells which of them are archived`);
});
