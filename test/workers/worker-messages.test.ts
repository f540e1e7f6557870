import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ORPHAN = fileURLToPath(new URL('kit/orphan.ts', import.meta.url));

test('a worker whose starter was killed in its start ends, without a stack trace', async () => {
  const starter = spawn(process.execPath, ['--import', 'tsx', ORPHAN], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(starter, 'close');
  // The worker has it, too: it ends when both have ended.
  expect(await text(starter.stderr)).toBe('');
  expect(await closed).toEqual([null, 'SIGKILL']);
});
