import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { WalError } from '../runtime/errors.ts';

interface Holder {
  readonly pid: number;
  /** When the process started, in the kernel's own count, so that a reused pid isn't mistaken for it. */
  readonly started: string;
  readonly boot: string;
  readonly host: string;
}

/**
 * Keeps a second process off a data directory: the file `lock`, made by link(2), names its holder. A lock
 * whose holder is gone is taken over; one from another machine never is, since nothing here can tell.
 */
export class DirectoryLock {
  readonly #path: string;
  readonly #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /** Throws DATA_LOCKED when another live process holds it. */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const path = join(directory, 'lock');
    const content = `${JSON.stringify(await describe(process.pid))}\n`;
    const own = join(directory, `.lock.${randomUUID()}`);
    await writeFile(own, content);
    try {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        if (await tryLink(own, path)) return new DirectoryLock(path, content);
        await removeIfStale(path);
      }
    } finally {
      await rm(own, { force: true });
    }
    throw lockedBy(await readFile(path, 'utf8').catch(() => ''), path);
  }

  async release(): Promise<void> {
    if ((await readFile(this.#path, 'utf8').catch(() => '')) === this.#content)
      await rm(this.#path);
  }
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

/** Removes the lock of a process that is gone, and nothing else: what was moved away is looked at once more. */
async function removeIfStale(path: string): Promise<void> {
  const content = await readFile(path, 'utf8').catch(() => undefined);
  if (content === undefined) return;
  if (await isAlive(parseHolder(content))) throw lockedBy(content, path);
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(() => undefined);
  const moved = await readFile(aside, 'utf8').catch(() => undefined);
  if (moved !== undefined && moved !== content) await tryLink(aside, path);
  await rm(aside, { force: true });
}

async function isAlive(holder: Holder | undefined): Promise<boolean> {
  if (holder === undefined) return false;
  const now = await describe(holder.pid);
  if (holder.host !== now.host) return true;
  return holder.boot === now.boot && holder.started === now.started && now.started !== '';
}

async function describe(pid: number): Promise<Holder> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '');
  // The 22nd field, counted behind the command's closing parenthesis, since a command may hold spaces.
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  const running = started === '' && isRunning(pid) ? 'unknown' : started;
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

function parseHolder(content: string): Holder | undefined {
  try {
    return JSON.parse(content) as Holder;
  } catch {
    return undefined;
  }
}

function lockedBy(content: string, path: string): WalError {
  const holder = parseHolder(content);
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new WalError('DATA_LOCKED', `${who} uses this data directory`, {
    hint: `Stop it, or choose another --data. If ${holder?.host ?? 'that machine'} is gone for good, remove ${path}.`,
  });
}
