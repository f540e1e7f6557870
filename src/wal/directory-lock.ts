import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../runtime/durable-file.ts';
import { WalError } from '../runtime/errors.ts';
import { tellingFolder } from '../runtime/random-name.ts';

export interface LockHolder {
  readonly pid: number;
  /** When the process started, in the kernel's own count, so that a reused pid isn't mistaken for it. */
  readonly started: string;
  readonly boot: string;
  readonly host: string;
}

/**
 * Keeps a second process off a data directory: the file `lock.<n>` with the highest number names its
 * holder. A lock whose holder is gone is taken over; one from another machine never is, since nothing here
 * can tell.
 *
 * Taking over: `lock.<n + 1>` is made by link(2), which one of several succeeds in; then all lower ones are
 * removed. Who was slow, and made a number that was used and removed before, sees a higher one and gives
 * way. A lock is given back by emptying it, so that numbers never start again. A crash at any point leaves
 * a lock whose holder is gone.
 */
export class DirectoryLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws DATA_LOCKED when another live process, or this one, holds it. */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const own = join(directory, `.lock.${randomUUID()}`);
    try {
      return await DirectoryLock.#take(directory, own);
    } catch (error) {
      throw tellingFolder(error, own);
    }
  }

  /** `own`: a name of a file that is made and removed. */
  static async #take(directory: string, own: string): Promise<DirectoryLock> {
    try {
      await writeFile(own, `${JSON.stringify(await describe(process.pid))}\n`);
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        const highest = Math.max(0, ...(await lockNumbers(directory)));
        const held = lockPath(directory, highest);
        const holder = highest === 0 ? undefined : await readHolder(held);
        if (holder !== undefined && (await isAlive(holder))) throw lockedBy(holder, held);
        const path = lockPath(directory, highest + 1);
        if (!(await tryLink(own, path))) continue;
        const numbers = await lockNumbers(directory);
        if (Math.max(...numbers) === highest + 1) {
          const lower = numbers.filter((number) => number <= highest);
          await Promise.all(lower.map((n) => rm(lockPath(directory, n), { force: true })));
          return new DirectoryLock(path);
        }
        await rm(path, { force: true });
      }
    } finally {
      await rm(own, { force: true });
    }
    throw new WalError('DATA_LOCKED', `several processes want ${directory} at once`);
  }

  /** The live process that holds the lock of a directory, if one does. */
  static async holder(directory: string): Promise<LockHolder | undefined> {
    const highest = Math.max(0, ...(await lockNumbers(directory)));
    const holder = highest === 0 ? undefined : await readHolder(lockPath(directory, highest));
    return holder !== undefined && (await isAlive(holder)) ? holder : undefined;
  }

  async release(): Promise<void> {
    await writeFileAtomic(this.#path, '');
  }
}

const ATTEMPTS_MAX = 100;
const NAME = /^lock\.(\d+)$/;

function lockPath(directory: string, number: number): string {
  return join(directory, `lock.${number}`);
}

async function lockNumbers(directory: string): Promise<number[]> {
  return (await readdir(directory)).flatMap((name) => {
    const match = NAME.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when the lock was given back, is gone, or holds nothing readable, as after a power cut. */
async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<LockHolder> | null;
    const { pid, started, boot, host } = value ?? {};
    if (pid === undefined || started === undefined || boot === undefined || host === undefined) {
      return undefined;
    }
    return { pid, started, boot, host };
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isGone || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  const now = await describe(holder.pid);
  if (holder.host !== now.host) return true;
  return holder.boot === now.boot && holder.started === now.started && now.started !== '';
}

async function describe(pid: number): Promise<LockHolder> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '');
  // The state and the 22nd field, counted after the command's closing parenthesis, since a command may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isDead = fields[0] === 'Z' || fields[0] === 'X';
  const started = isDead ? '' : (fields[19] ?? '');
  const running = stat === '' && isRunning(pid) ? 'unknown' : started;
  return { pid, started: running, boot: boot.trim(), host: hostname() };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function lockedBy(holder: LockHolder, path: string): WalError {
  return new WalError(
    'DATA_LOCKED',
    `process ${holder.pid} on ${holder.host} uses this directory`,
    {
      hint: `Stop it, or name another directory.${orGone(holder, path)}`,
    },
  );
}

/** Of a process of this machine it is known that it runs; it may use the directory that this one was copied from. */
function orGone({ host }: LockHolder, path: string): string {
  if (host === hostname()) return '';
  return ` If ${host} is gone for good, or uses another directory, of which this is a copy, and will not go on with it, remove ${path}.`;
}
