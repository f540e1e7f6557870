import { mkdir } from 'node:fs/promises';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { writeArchiveHome } from '../../src/archive/write/archive-home.ts';
import { archiverFolder, markArchiver } from '../../src/archive/process/archiver-folder.ts';
import { Unarchived } from '../../src/proxy/unarchived.ts';
import { loadConfig } from '../../src/config/load.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { type TempDirectory, tempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';

const SAYS = 'nothing is archived: archive is off, though this directory was archived to /mnt';
const SAYS_APART = 'nothing is archived: no `tsdb-wal archive` runs on this directory, as one did';

/** A proxy's look at a data directory that was archived before, each second. */
class Scene implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly warned: string[] = [];
  readonly data: string;
  readonly #folder: TempDirectory;
  #unarchived: Unarchived | undefined;

  private constructor(folder: TempDirectory) {
    this.#folder = folder;
    this.data = folder.path;
  }

  static async begin(): Promise<Scene> {
    const scene = new Scene(await tempDirectory('unarchived'));
    const home = { repository: '0123456789abcdef', place: '/mnt/archive' };
    await mkdir(archiverFolder(scene.data));
    await writeArchiveHome(scene.data, home);
    return scene;
  }

  async open(flags: Record<string, string> = { archive: 'off' }): Promise<void> {
    const { data } = this;
    const logger = pino({ level: 'warn' }, { write: (text) => void this.warned.push(text) });
    const config = await loadConfig({ environment: {}, flags: { data, ...flags } });
    this.#unarchived = await Unarchived.open(config, logger, this.clock);
  }

  get troubles(): readonly string[] {
    return this.#unarchived?.troubles ?? [];
  }

  /** In how many of the seconds that pass something is told. */
  async pass(seconds: number): Promise<number> {
    let told = 0;
    for (let second = 0; second < seconds; second += 1) {
      this.clock.pass(1_000);
      await this.#unarchived?.look();
      told += this.troubles.length;
    }
    return told;
  }

  async archiver(): Promise<DirectoryLock> {
    return DirectoryLock.acquire(archiverFolder(this.data));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

describe('archive off, where there was an archive,', () => {
  test('is told at once, and until an archiver is run', async () => {
    await using scene = await Scene.begin();
    await scene.open({ archive: 'on' });
    expect(scene.troubles).toEqual([]);
    await scene.open({ archive: 'off', 'kafka.brokers': 'kafka:9092' });
    expect([...scene.troubles, ...scene.warned]).toEqual([]);
    await scene.open();
    expect(scene.troubles).toEqual([expect.stringContaining(SAYS)]);
    expect(await scene.pass(5)).toBe(5);
    expect(scene.warned).toEqual([expect.stringContaining(SAYS)]);
    await scene.archiver();
    expect(await scene.pass(100)).toBe(0);
    expect(scene.warned).toHaveLength(1);
  });

  test('is not told while an archiver beside it is started again, and is when that is gone', async () => {
    await using scene = await Scene.begin();
    await markArchiver(scene.data, true);
    // The proxy comes up first.
    await scene.open();
    expect(await scene.pass(20)).toBe(0);
    for (let round = 0; round < 3; round += 1) {
      const lock = await scene.archiver();
      expect(await scene.pass(120)).toBe(0);
      await lock.release();
      expect(await scene.pass(50)).toBe(0);
    }
    expect(scene.warned).toEqual([]);
    await scene.pass(20);
    expect(scene.troubles).toEqual([expect.stringContaining(SAYS_APART)]);
    expect(scene.warned).toHaveLength(1);
  });

  test('is told of an archiver that ends each time, once for all, when it has had its time', async () => {
    await using scene = await Scene.begin();
    await scene.open();
    for (let round = 0; round < 30; round += 1) {
      const lock = await scene.archiver();
      await scene.pass(4);
      await lock.release();
      await scene.pass(3);
    }
    expect(await scene.pass(1)).toBe(1);
    const told = [SAYS, SAYS_APART].map((text) => expect.stringContaining(text) as string);
    expect(scene.warned).toEqual(told);
  });
});
