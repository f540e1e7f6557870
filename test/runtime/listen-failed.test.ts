import { expect, test } from 'vitest';
import { listenFailed } from '../../src/runtime/listen-failed.ts';

const failed = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code });

test.each([
  ['EACCES', 'This user may not listen on port 80: below 1024 it takes CAP_NET_BIND_SERVICE'],
  ['EADDRINUSE', 'Is another process listening there?'],
  ['EADDRNOTAVAIL', 'This machine has no such address.'],
  ['EAFNOSUPPORT', 'This machine has no such address.'],
  ['ENOTFOUND', 'This machine has no such address.'],
  ['EMFILE', 'The system says: listen EMFILE'],
])('an address that cannot be had for %s is told as that', (code, hint) => {
  const error = listenFailed('listen', { host: '::1', port: 80 }, failed(code));
  expect(error).toMatchObject({
    code: 'LISTEN_FAILED',
    message: '--listen [::1]:80 cannot be had',
    context: { host: '::1', port: 80 },
  });
  expect(error.hint).toMatch(hint);
});
