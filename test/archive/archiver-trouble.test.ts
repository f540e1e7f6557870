import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileOperations, type FileOperations } from '../../src/storage/file-operations.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { until } from '../kit/until.ts';
import { TestLog } from '../kit/wal-log.ts';
import { expectSame, readContent } from './archive-content.ts';
import { ArchiveRig, line, writeLane } from './archive-rig.ts';

/** What a step of the storage does instead: passes, fails before or after it was done, is slow, or writes a part. */
type Fate = 'passes' | 'ENOSPC' | 'EIO' | 'EACCES' | 'done, then EIO' | 'half' | 'slow';

/** The real operations, each of whose steps has the fate that is asked for. */
function fatefulOperations(fateOf: (step: string) => Fate): FileOperations {
  const take = async (step: string, work: () => Promise<void>, half?: () => Promise<void>) => {
    const fate = fateOf(step);
    if (fate === 'half') await half?.();
    if (fate === 'slow') await new Promise((resolve) => setTimeout(resolve, 20));
    if (fate === 'passes' || fate === 'slow' || fate === 'done, then EIO') await work();
    if (fate !== 'passes' && fate !== 'slow') throw diskFault(fate);
  };
  const real = fileOperations;
  return {
    write(path, content) {
      const half = content.subarray(0, content.length / 2);
      return take(
        'write',
        () => real.write(path, content),
        () => writeFile(path, half),
      );
    },
    copy: (path, source) =>
      take(
        'copy',
        () => real.copy(path, source),
        () => writeFile(path, 'PAR1'),
      ),
    link: (path, name) => take('link', () => real.link(path, name)),
    remove: (path) => take('remove', () => real.remove(path)),
    makeFolder: (path) => take('makeFolder', () => real.makeFolder(path)),
    syncFolder: (path) => take('syncFolder', () => real.syncFolder(path)),
  };
}

function diskFault(fate: Fate): NodeJS.ErrnoException {
  const code = fate === 'half' ? 'ENOSPC' : fate.replace('done, then ', '');
  return Object.assign(new Error(`${code}: simulated`), { code, syscall: 'write' });
}

/** Without what the clock of the rig, which is a hundred times too fast, takes for silence: a disk that is slow for a moment. */
function toldBy({ states }: ArchiveRig): readonly string[] {
  const others = states.filter((state) => state !== 'storage does not answer');
  return others.filter((state, index) => state !== others[index - 1]);
}

describe.concurrent('storage in trouble', () => {
  test('whatever fails, and whenever: it is told, and in the end everything is there once', async () => {
    const fates = fc.constantFrom<Fate[]>(
      'ENOSPC',
      'EIO',
      'EACCES',
      'done, then EIO',
      'half',
      'slow',
    );
    const property = fc.asyncProperty(
      fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant<Fate>('passes') }, fates), {
        minLength: 10,
        maxLength: 60,
      }),
      async (schedule) => {
        let step = 0;
        let isOn = false;
        const operations = fatefulOperations(() => {
          if (!isOn) return 'passes';
          step += 1;
          return schedule[step - 1] ?? 'passes';
        });
        await using rig = await ArchiveRig.create(operations);
        await writeLane(rig.wal, 25, 6);
        isOn = true;
        await rig.archiveAll();
        await expectSame(rig);
        const told = toldBy(rig).filter((state) => state !== 'archiving');
        expect(told.every((reason) => /^(ENOSPC|EIO|EACCES): simulated$/.test(reason))).toBe(true);
        expect(rig.states.at(-1)).toBe('archiving');
        // Once a change.
        expect(rig.states.filter((state, index) => state === rig.states[index - 1])).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 8 });
  });

  test('while nothing can be written it says so once, and keeps trying; nothing half-done is seen', async () => {
    let isFull = false;
    let tries = 0;
    const operations = fatefulOperations((step) => {
      if (isFull && step === 'copy') tries += 1;
      return isFull && (step === 'copy' || step === 'write') ? 'half' : 'passes';
    });
    await using rig = await ArchiveRig.create(operations);
    await writeLane(rig.wal, 25, 6);
    await rig.archiveUntil(() => {
      isFull = rig.archived.length > 0 && tries < 5;
      return rig.isArchived();
    });
    expect(tries).toBeGreaterThanOrEqual(5);
    expect(toldBy(rig)).toEqual(['archiving', 'ENOSPC: simulated', 'archiving']);
    await expectSame(rig);
  });

  test('an archiver that dies at any step leaves nothing that counts and is not whole, and the next goes on', async () => {
    // As a kill does: nothing of what was to follow happens.
    class Killed extends Error {}
    let step = 0;
    let fatal = Infinity;
    const operations = fatefulOperations(() => {
      step += 1;
      if (step >= fatal) throw new Killed();
      return 'passes';
    });
    await using rig = await ArchiveRig.create(operations);
    await writeLane(rig.wal, 12, 6);
    let deaths = 0;
    // One step further each time.
    for (let steps = 1; !(await rig.isArchived()); steps += 1) {
      fatal = step + steps;
      const died = await rig.archiveAll().then(
        () => false,
        (error: unknown) => error instanceof Killed,
      );
      expect(died || (await rig.isArchived())).toBe(true);
      if (died) deaths += 1;
      const { coverage } = await readContent(rig);
      expect(coverage.conflicts).toEqual([]);
      expect(coverage.holes).toEqual([]);
    }
    expect(deaths).toBeGreaterThan(8);
    await expectSame(rig);
  });
});

const program = fileURLToPath(new URL('../kit/archiver-process.ts', import.meta.url));

/** An archiver in a process of its own, for a rig whose lanes are registered. */
class ArchiverProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  /** Segments that it said to be committed. */
  committed = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
  }

  /** Settles when it begins. */
  static async start(rig: ArchiveRig, scratch: string): Promise<ArchiverProcess> {
    const args = ['--import', 'tsx', program, rig.data, rig.place, join(rig.data, scratch)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const one = new ArchiverProcess(child);
    const lines = createInterface(child.stdout);
    await once(lines, 'line');
    lines.on('line', () => (one.committed += 1));
    return one;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    // It has not ended by itself.
    assert.deepEqual(await this.#exited, [null, 'SIGKILL']);
  }
}

/** A log that this process writes until `stop`, with cuts. */
async function writeOn(rig: ArchiveRig): Promise<() => Promise<void>> {
  await mkdir(rig.data, { recursive: true });
  const lock = await DirectoryLock.acquire(rig.data);
  const log = await TestLog.open(rig.wal, { segmentBytes: 20_000 });
  await log.settle();
  // Registers the lane.
  await rig.archiveUntil(async () => (await readdir(rig.place)).includes('lanes'));
  const stopping = new AbortController();
  const writing = (async () => {
    for (let n = 1; !stopping.signal.aborted; n += 1) {
      await log.write(line(n));
      if (n % 30 === 0) log.wal.appendControl({ kind: 'cut' });
      // Slower than archivers are.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await log.wal.close();
    await lock.release();
  })();
  return async () => {
    stopping.abort();
    await writing;
  };
}

describe.concurrent('archivers in processes of their own', () => {
  test('killed at random moments, they lose nothing and repeat nothing', async () => {
    await using rig = await ArchiveRig.create();
    const stop = await writeOn(rig);
    let committed = 0;
    for (let round = 0; round < 4; round += 1) {
      await using child = await ArchiverProcess.start(rig, 'one');
      await until(() => child.committed > 0);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
      committed += child.committed;
    }
    await stop();
    const before = await readContent(rig);
    expect([...before.coverage.holes, ...before.coverage.conflicts]).toEqual([]);
    // What was said to be committed is, and perhaps one more each time.
    expect(before.sidecars.length).toBeGreaterThanOrEqual(committed);
    await rig.archiveAll();
    await expectSame(rig);
  });

  test('two of one directory at once do no harm, though each is stopped in the middle and goes on later', async () => {
    await using rig = await ArchiveRig.create();
    const stop = await writeOn(rig);
    await using one = await ArchiverProcess.start(rig, 'one');
    await using two = await ArchiverProcess.start(rig, 'two');
    for (const [stopped, other] of [
      [one, two],
      [two, one],
      [one, two],
    ] as const) {
      await until(() => stopped.committed > 0);
      stopped.signal('SIGSTOP');
      const before = other.committed;
      await until(() => other.committed > before + 2);
      stopped.signal('SIGCONT');
    }
    await stop();
    await until(() => rig.isArchived());
    await expectSame(rig);
    expect(Math.min(one.committed, two.committed)).toBeGreaterThan(2);
  });
});
