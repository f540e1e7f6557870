import { expect, test } from 'vitest';
import { assertFree } from '../../src/runtime/assert-free.ts';

test('an address that is of another machine is told as that', async () => {
  // Of a net for documentation (RFC 5737).
  await expect(assertFree({ listen: { host: '203.0.113.1', port: 0 } })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    hint: expect.stringContaining('This machine has no such address') as string,
  });
});
