import { expect, test } from 'vitest';
import { assertFree, hintOf } from '../../src/cli/assert-free.ts';

test('an address that is of another machine is told as that', async () => {
  // Of a net for documentation (RFC 5737).
  await expect(assertFree({ listen: { host: '203.0.113.1', port: 0 } })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    hint: expect.stringContaining('This machine has no such address') as string,
  });
});

test('a port that this user may not have is told as that, and only a taken one as taken', () => {
  expect(hintOf('EACCES', 80)).toContain('This user may not listen on port 80');
  expect(hintOf('EACCES', 80)).not.toContain('another process');
  expect(hintOf('EADDRINUSE', 80)).toContain('another process');
});
