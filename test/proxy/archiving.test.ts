import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createArchiveMetrics } from '../../src/archive/process/archive-metrics.ts';
import { archiverArguments, Archiving } from '../../src/proxy/archiving.ts';
import { NOT_REGISTERED } from '../../src/proxy/lane-gate.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Metrics } from '../../src/runtime/metrics.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { TestLog } from '../kit/wal-log.ts';

const LINE = 'put m 1 1 h=a';

const eventually = <T>(value: () => T) => expect.poll(value);

/** A log whose lanes wait to be registered, by an archiver that does as it is told. */
class Scene implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly #folder: TempDirectory;
  readonly #stop = new AbortController();
  #log: TestLog | undefined;
  #archiving: Archiving | undefined;
  #run: Promise<void> | undefined;

  private constructor(folder: TempDirectory) {
    this.#folder = folder;
  }

  static async start(unregistered: 'refuse' | 'allow'): Promise<Scene> {
    const scene = new Scene(await tempDirectory('archiving'));
    const { clock } = scene;
    const data = scene.#folder.path;
    const flags = { data, 'archiver.unregistered': unregistered };
    const config = await loadConfig({ environment: {}, flags });
    scene.#log = await TestLog.open(join(data, 'wal'), { clock, barredAtFirst: NOT_REGISTERED });
    scene.#archiving = new Archiving({
      config,
      clock,
      logger: pino({ level: 'silent' }),
      metrics: createArchiveMetrics(new Metrics()),
      wal: scene.#log.wal,
      program: fileURLToPath(new URL('../kit/fake-archiver.mjs', import.meta.url)),
    });
    await scene.laneOpened();
    scene.#run = scene.archiving.run(scene.#stop.signal);
    return scene;
  }

  get log(): TestLog {
    if (this.#log === undefined) throw new Error('there is no log');
    return this.#log;
  }

  get archiving(): Archiving {
    if (this.#archiving === undefined) throw new Error('nothing is archived');
    return this.#archiving;
  }

  /** What the proxy does when a lane was opened and its first record is durable. */
  async laneOpened(): Promise<void> {
    await this.log.settle();
    this.archiving.opened(this.log.wal.durable);
    this.archiving.durable();
  }

  async answer(text: string): Promise<void> {
    await writeFile(join(this.#folder.path, 'answer'), text);
  }

  /** Seconds pass, by a beat each. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      this.clock.pass(1_000);
      this.archiving.beat();
      await sleep(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#run;
    await this.log.wal.close();
    await this.#folder[Symbol.asyncDispose]();
  }
}

test('the archiver is told the priority that it is to have', async () => {
  const config = await loadConfig({ environment: {}, flags: { 'archiver.priority': 'low' } });
  expect(archiverArguments(config).join(' ')).toContain('--archiver-priority low');
});

describe('a lane of the log', () => {
  test('takes data once it is registered, and so does the one after a leap of the clock', async () => {
    await using scene = await Scene.start('refuse');
    const { wal } = scene.log;
    expect(scene.log.append([LINE])).toBeUndefined();
    await scene.answer('registered');
    await eventually(() => wal.refusal).toBeUndefined();
    expect((await scene.log.write([LINE]))?.durable).toBe(true);

    await scene.answer('');
    scene.clock.wall += 5_000;
    await wal.maintain(undefined);
    expect(wal.refusal).toBe(NOT_REGISTERED);
    await scene.laneOpened();
    expect(scene.log.append([LINE])).toBeUndefined();
    await scene.answer('registered');
    await eventually(() => wal.refusal).toBeUndefined();
    expect(scene.archiving.isRegistered).toBe(true);
  });

  test('that cannot be registered refuses data with the reason', async () => {
    await using scene = await Scene.start('refuse');
    await scene.answer('no: it is full');
    await eventually(() => scene.log.wal.refusal).toBe(`${NOT_REGISTERED}: it is full`);
    await scene.until(() => scene.clock.monotonic > 60_000);
    expect(scene.log.append([LINE])).toBeUndefined();
    await scene.answer('registered');
    await eventually(() => scene.log.wal.refusal).toBeUndefined();
  });

  test('that cannot be registered takes data if that is allowed, and is registered later', async () => {
    await using scene = await Scene.start('allow');
    await scene.answer('no: it is full');
    await eventually(() => scene.log.wal.refusal).toBeUndefined();
    expect(scene.archiving.isRegistered).toBe(false);
    expect(scene.archiving.troubles.join()).toContain('writes are taken, though');
    await scene.answer('registered');
    await eventually(() => scene.archiving.isRegistered).toBe(true);
    expect(scene.archiving.troubles).toEqual([]);
  });

  test('is not waited for without an end when the archiver is silent', async () => {
    await using refusing = await Scene.start('refuse');
    await refusing.until(() => refusing.log.wal.refusal !== NOT_REGISTERED);
    expect(refusing.log.wal.refusal).toContain('the archiver does not answer');
    expect(refusing.clock.monotonic).toBeLessThan(10_000);
    await using allowing = await Scene.start('allow');
    await allowing.until(() => allowing.log.wal.refusal === undefined);
    expect(allowing.clock.monotonic).toBeLessThan(10_000);
  });

  test('is registered by the next archiver when the first one ends', async () => {
    await using scene = await Scene.start('refuse');
    await scene.answer('end');
    await eventually(() => scene.archiving.state.kind).toBe('down');
    expect(scene.archiving.troubles.join()).toContain('exit code 7');
    await scene.answer('registered');
    await scene.until(() => scene.archiving.isRegistered);
    expect(scene.log.wal.refusal).toBeUndefined();
    expect(scene.archiving.process.starts).toBeGreaterThan(1);
  });
});
