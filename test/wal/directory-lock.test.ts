import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { tempDirectory } from '../kit/temp.ts';

const locker = fileURLToPath(new URL('../kit/wal-locker.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
});

interface Locker {
  readonly child: ChildProcess;
  /** Takes the lock; says what came of it. */
  acquire(): Promise<string>;
}

async function spawnLocker(directory: string): Promise<Locker> {
  const child = spawn(process.execPath, ['--import', 'tsx', locker, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  return {
    child,
    async acquire() {
      child.stdin.write('go\n');
      return String((await lines.next()).value);
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

test('a second process is refused, with the number of the one that holds the lock', async () => {
  await using folder = await tempDirectory('lock');
  const [one, other] = await Promise.all([spawnLocker(folder.path), spawnLocker(folder.path)]);
  expect(await one.acquire()).toBe('held');
  expect(await other.acquire()).toMatch(new RegExp(`^DATA_LOCKED process ${one.child.pid} on `));
  expect(await DirectoryLock.holder(folder.path)).toMatchObject({ pid: one.child.pid });
  await kill(one.child);
  expect(await DirectoryLock.holder(folder.path)).toBeUndefined();
  expect(await (await spawnLocker(folder.path)).acquire()).toBe('held');
});

test('of several that want the lock of a killed process exactly one gets it', async () => {
  await using folder = await tempDirectory('lock');
  for (let round = 0; round < 3; round += 1) {
    const dead = await spawnLocker(folder.path);
    expect(await dead.acquire()).toBe('held');
    const racers = await Promise.all([1, 2, 3].map(() => spawnLocker(folder.path)));
    await kill(dead.child);
    const outcomes = await Promise.all(racers.map((racer) => racer.acquire()));
    expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.startsWith('DATA_LOCKED'))).toHaveLength(2);
    for (const { child } of racers) await kill(child);
  }
  expect(await readdir(folder.path)).toHaveLength(1);
});

test('a lock is not given twice in one process, is given again after release, and junk is no holder', async () => {
  await using folder = await tempDirectory('lock');
  for (const junk of ['', 'null', '{"pid":1}', '{', '[1]']) {
    await writeFile(join(folder.path, 'lock.1'), junk);
    const lock = await DirectoryLock.acquire(folder.path);
    await expect(DirectoryLock.acquire(folder.path)).rejects.toMatchObject({ code: 'DATA_LOCKED' });
    await lock.release();
    expect(await DirectoryLock.holder(folder.path)).toBeUndefined();
  }
});

test('a lock of another machine is never taken over, and the refusal says which file to remove', async () => {
  await using folder = await tempDirectory('lock');
  const holder = { pid: 1, started: '1', boot: 'x', host: 'elsewhere' };
  await writeFile(join(folder.path, 'lock.7'), JSON.stringify(holder));
  await expect(DirectoryLock.acquire(folder.path)).rejects.toMatchObject({
    code: 'DATA_LOCKED',
    message: expect.stringContaining('process 1 on elsewhere') as string,
    hint: expect.stringContaining('lock.7') as string,
  });
});

test('a directory that cannot be written says the same each time', async () => {
  await using folder = await tempDirectory('lock');
  const missing = join(folder.path, 'missing');
  const says = `ENOENT: no such file or directory, open '${missing}'`;
  await expect(DirectoryLock.acquire(missing)).rejects.toThrow(says);
});
