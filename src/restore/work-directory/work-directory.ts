import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { seal, unseal } from '../../archive/format/sealed-json.ts';
import type { Vitals } from '../../follow/prove/confirmation.ts';
import { fieldsOf } from '../../record/fields.ts';
import { WalError } from '../../runtime/errors.ts';
import { makeFolder, writeFileAtomic } from '../../runtime/durable-file.ts';
import { DirectoryLock } from '../../wal/directory-lock.ts';

/** How far a restore has come. */
export interface Checkpoint {
  /** Of what is restored: lines and their order are the same as long as it is. */
  readonly plan: string;
  /** The OpenTSDB that is restored to. */
  readonly target: string;
  /** The moment that is restored to, epoch ms; `targetMs` in the file. */
  readonly asOfMs: number;
  /** `loaded`: everything is stored, and the comparison is to follow. */
  readonly phase: 'loading' | 'loaded';
  /** Of the folded state, up to which the target surely stores everything; null: nothing yet. */
  readonly position: Place | null;
  /** And up to which it does if its vitals are still these; null: no further. */
  readonly stored: { readonly place: Place; readonly vitals: Vitals } | null;
}

interface Place {
  readonly ordinal: number;
  readonly seq: number;
}

const FORMAT = 2;
const CHECKPOINT = 'checkpoint.json';

/**
 * What a restore keeps on the disk: `checkpoint.json`, its temporary files, and lists of refused points and of
 * differences. Only one process uses it at a time.
 */
export class WorkDirectory {
  readonly path: string;
  readonly #lock: DirectoryLock;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
  }

  /** Below `base`, named by what is asked for, so that the same command finds it again. Temporary files of earlier runs are removed. */
  static async open(base: string, request: readonly unknown[]): Promise<WorkDirectory> {
    const path = workPath(base, request);
    try {
      await makeFolder(path);
      const lock = await DirectoryLock.acquire(path);
      const work = new WorkDirectory(path, lock);
      for (const folder of [work.scratch, work.ranges, work.log]) {
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
      }
      return work;
    } catch (cause) {
      if (cause instanceof WalError && cause.code === 'DATA_LOCKED') {
        const hint = `Another process runs this restore: wait for it, or end it. ${cause.hint ?? ''}`;
        throw new WalError('DATA_LOCKED', cause.message, { cause, hint });
      }
      throw workUnusable(path, cause);
    }
  }

  /** For DuckDB. */
  get scratch(): string {
    return join(this.path, 'scratch');
  }

  /** For folded lines. */
  get ranges(): string {
    return join(this.path, 'ranges');
  }

  /** For segments made of the log. */
  get log(): string {
    return join(this.path, 'log');
  }

  get refusedPath(): string {
    return join(this.path, 'refused.ndjson');
  }

  get differencesPath(): string {
    return join(this.path, 'differences.ndjson');
  }

  /** Undefined when there is none, or what is there is not whole. */
  async checkpoint(): Promise<Checkpoint | undefined> {
    return readCheckpoint(this.path);
  }

  /** Durable when it resolves. */
  async save({ asOfMs: targetMs, ...checkpoint }: Checkpoint): Promise<void> {
    const content = seal({ format: FORMAT, ...checkpoint, targetMs });
    await writeFileAtomic(this.#checkpointPath, content);
  }

  /** Each as one line of JSON. */
  async append(path: string, lines: readonly object[]): Promise<void> {
    await appendFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  /** Empties a list. */
  async clear(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  /** How many different lines a list has: what is sent again after an interruption may be refused again. */
  async count(path: string): Promise<number> {
    const text = await readFile(path, 'utf8').catch(() => '');
    return new Set(text.split('\n').slice(0, -1)).size;
  }

  /** The restore begins anew. */
  async reset(): Promise<void> {
    for (const path of [this.#checkpointPath, this.refusedPath, this.differencesPath]) {
      await rm(path, { force: true });
    }
  }

  /** Keeps what was written, and frees what is temporary. */
  async close(): Promise<void> {
    await rm(this.scratch, { recursive: true, force: true });
    await rm(this.ranges, { recursive: true, force: true });
    await rm(this.log, { recursive: true, force: true });
    await this.#lock.release();
  }

  /** After a restore that is complete and equal. */
  async remove(): Promise<void> {
    await this.#lock.release();
    await rm(this.path, { recursive: true, force: true });
  }

  get #checkpointPath(): string {
    return join(this.path, CHECKPOINT);
  }
}

/** Where the work directory of a request is, or would be. */
export function workPath(base: string, request: readonly unknown[]): string {
  const hash = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  return join(base, `restore-${hash.slice(0, 12)}`);
}

/** Of the work directory at `path`: undefined when there is none, or what is there is not whole. */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const content = await readFile(join(path, CHECKPOINT)).catch(() => undefined);
  return content && parseCheckpoint(content);
}

/** The restore whose work directory is at `path` can't be gone on with. */
export async function forgetCheckpoint(path: string): Promise<void> {
  await rm(join(path, CHECKPOINT), { force: true });
}

export function workUnusable(path: string, cause: unknown): WalError {
  return new WalError('DATA_UNUSABLE', `${path}: ${(cause as Error).message}`, {
    cause,
    hint: 'Choose another --work, where there is room for temporary files.',
  });
}

function parseCheckpoint(content: Buffer): Checkpoint | undefined {
  const { format, plan, target, targetMs, phase, position, stored } = unseal(content) ?? {};
  if (format !== FORMAT || typeof plan !== 'string' || typeof target !== 'string') return undefined;
  if (typeof targetMs !== 'number') return undefined;
  if (phase !== 'loading' && phase !== 'loaded') return undefined;
  if (position !== null && !isPlace(position)) return undefined;
  return {
    plan,
    target,
    asOfMs: targetMs,
    phase,
    position,
    stored: parseStored(stored) ?? null,
  };
}

function parseStored(value: unknown): Checkpoint['stored'] | undefined {
  const { place, vitals } = fieldsOf(value);
  const { startTime, counters } = fieldsOf(vitals);
  const { storage, exceptions } = fieldsOf(counters);
  if (!isPlace(place) || typeof startTime !== 'number') return undefined;
  const isCounted = typeof storage === 'number' && typeof exceptions === 'number';
  return {
    place,
    vitals: { startTime, counters: isCounted ? { storage, exceptions } : undefined },
  };
}

function isPlace(value: unknown): value is Place {
  const { ordinal, seq } = fieldsOf(value);
  return Number.isSafeInteger(ordinal) && Number.isSafeInteger(seq);
}
