import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { freePort } from './ports.ts';

const GIVES_MANY = `
  import { freePort } from '${new URL('./ports.ts', import.meta.url).href}';
  const ports = [];
  while (ports.length < 2000) ports.push(await freePort());
  console.log(JSON.stringify(ports));
  process.stdin.resume();
`;

test('a port is given once while whoever asked for it lives, though nothing listens on it', async () => {
  const others = [1, 2].map(() =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', GIVES_MANY], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const given = await Promise.all(
    others.map(async ({ stdout }) => {
      const lines: readonly unknown[] = await once(createInterface(stdout), 'line');
      return JSON.parse(String(lines[0])) as readonly number[];
    }),
  );
  const own: number[] = [];
  while (own.length < 500) own.push(await freePort());
  const all = [...given.flat(), ...own];
  expect(all).toHaveLength(4500);
  expect(new Set(all).size).toBe(all.length);
  await Promise.all(
    others.map(async (other) => {
      other.stdin.end();
      await once(other, 'exit');
    }),
  );
});
