import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CoverageReport } from '../../src/archive/holdings/coverage-report.ts';
import { CoverageWatch } from '../../src/archive/holdings/coverage-watch.ts';
import { formatDataName, type SegmentName } from '../../src/archive/format/object-names.ts';
import { createRepository, type Repository } from '../../src/archive/repository.ts';
import { putBegin, putEmptySegment, putSegment } from '../kit/repository.ts';
import { tempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';

const LANE = '00112233445566ff';
const AT = 1_750_000_000_000;

const segment = (n: number): SegmentName => ({
  lane: LANE,
  level: 'minute',
  firstSeq: n * 10 + 1,
  lastSeq: n * 10 + 10,
  fromMs: AT + n * 60_000,
  toMs: AT + (n + 1) * 60_000,
});

/** A watch that runs on a clock which the test moves, over a repository with two segments of one lane. */
class Scene implements AsyncDisposable {
  readonly watch: CoverageWatch;
  readonly repository: Repository;
  readonly reports: CoverageReport[] = [];
  readonly troubles: (string | undefined)[] = [];
  readonly silent: string[] = [];
  own: ReadonlySet<string> | undefined = new Set();
  readonly #clock = new ManualClock();
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;
  #wake = (): void => undefined;

  private constructor(repository: Repository) {
    this.repository = repository;
    this.watch = new CoverageWatch({
      repository,
      clock: this.#clock,
      events: {
        covered: (report) => this.#note(() => this.reports.push(report)),
        unreadable: (reason) => this.#note(() => this.troubles.push(reason)),
        silent: ({ lane }) => this.#note(() => this.silent.push(lane)),
      },
      own: () => this.own,
    });
    this.#run = this.watch.run(this.#stop.signal);
  }

  /** So many have passed. */
  get seconds(): number {
    return this.#clock.monotonic / 1_000;
  }

  static async begin(place: string): Promise<Scene> {
    const repository = await createRepository(place, AT);
    const begin = { lane: LANE, ordinal: 1, firstSeq: 1, openedAt: AT, previous: null };
    await putBegin(repository.store, { ...begin, reason: 'start', disputed: null, host: 'h' });
    await putSegment(repository.store, segment(0));
    await putSegment(repository.store, segment(1));
    const scene = new Scene(repository);
    await scene.until(() => scene.reports.length > 0);
    return scene;
  }

  get last(): CoverageReport | undefined {
    return this.reports.at(-1);
  }

  /** The wall clock stands there, epoch ms. */
  set now(ms: number) {
    this.#clock.wall = ms;
  }

  /** Seconds pass until it holds. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const turn = new Promise<void>((resolve) => setTimeout(resolve, 5));
      this.#clock.pass(1_000);
      await Promise.race([woken, turn]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  #note(what: () => void): void {
    what();
    this.#wake();
  }
}

describe('the watch over a repository', () => {
  test('tells what can be restored, and again only when that has changed', async () => {
    await using folder = await tempDirectory('watch');
    await using scene = await Scene.begin(folder.path);
    expect(scene.reports).toEqual([
      {
        safeTimeMs: AT + 119_999,
        restorable: { fromMs: AT, toMs: AT + 119_999 },
        lanes: 1,
        holes: 0,
        conflicts: 0,
        faults: 0,
        told: [],
      },
    ]);
    await putSegment(scene.repository.store, segment(2));
    await scene.until(() => scene.last?.safeTimeMs === AT + 179_999);
    expect(scene.reports).toHaveLength(2);
  });

  test('shows a segment that is added before the repository is listed again', async () => {
    await using folder = await tempDirectory('watch');
    await using scene = await Scene.begin(folder.path);
    scene.watch.added(segment(2));
    await scene.until(() => scene.reports.length > 1);
    expect(scene.reports[1]?.safeTimeMs).toBe(AT + 179_999);
  });

  test('shows a segment that was removed as a hole, and that it is back', async () => {
    await using folder = await tempDirectory('watch');
    await using scene = await Scene.begin(folder.path);
    const name = await putSegment(scene.repository.store, segment(2));
    await putSegment(scene.repository.store, segment(3));
    await rm(join(folder.path, name));
    await scene.until(() => scene.last?.holes === 1);
    expect(scene.last?.restorable?.toMs).toBe(AT + 119_999);
    expect(scene.last?.told).toEqual([
      `the repository lacks records ${LANE}/21 to 30: no object of the repository holds these records`,
    ]);
    await putSegment(scene.repository.store, segment(2));
    await scene.until(() => scene.last?.holes === 0);
    expect(scene.troubles).toEqual([]);
  });

  test('tells that data are gone, and that they are back; and nothing of segments that have none', async () => {
    await using folder = await tempDirectory('watch');
    await using scene = await Scene.begin(folder.path);
    await putEmptySegment(scene.repository.store, segment(2));
    await putSegment(scene.repository.store, segment(3));
    await scene.until(() => scene.last?.safeTimeMs === AT + 239_999);
    expect(scene.last?.faults).toBe(0);
    const data = formatDataName(segment(1), '89abcdef');
    await rename(join(folder.path, data), join(folder.path, 'away'));
    await scene.until(() => scene.last?.faults === 1);
    expect(scene.last).toMatchObject({ holes: 1, restorable: { toMs: AT + 59_999 } });
    expect(scene.last?.told).toContain(`${data}: it is missing`);
    await rename(join(folder.path, 'away'), join(folder.path, data));
    await scene.until(() => scene.last?.faults === 0);
    expect(scene.last).toMatchObject({ holes: 0, restorable: { toMs: AT + 239_999 } });
    expect(scene.troubles).toEqual([]);
  });

  test('tells once that the repository is gone, and once that it is back', async () => {
    await using folder = await tempDirectory('watch');
    const place = join(folder.path, 'repository');
    await using scene = await Scene.begin(place);
    await rename(place, `${place}-away`);
    await scene.until(() => scene.troubles.length > 0);
    expect(scene.troubles[0]).toContain('is gone');
    await rename(`${place}-away`, place);
    await scene.until(() => scene.troubles.length > 1);
    expect(scene.troubles[1]).toBeUndefined();
    expect(scene.reports).toHaveLength(1);
  });

  test('names a lane that nothing ends, once nothing came of it for long', async () => {
    await using folder = await tempDirectory('watch');
    await using scene = await Scene.begin(folder.path);
    const endsAt = AT + 120_000;
    scene.now = endsAt + 890_000;
    await scene.until(() => scene.silent.length > 0);
    // By the clock of the wall it was so ten seconds later; but it was not watched for that.
    expect(scene.seconds).toBeGreaterThanOrEqual(120);
    expect(scene.silent).toEqual([LANE]);
    expect(scene.last?.told).toEqual([
      `lane ${LANE} of h holds the safe time back: nothing of it was archived since ${new Date(endsAt).toISOString()}. If its proxy runs, see what hinders its archiver; a start on its data directory ends the lane; if that is gone for good, so does \`tsdb-wal lane retire ${LANE} --repository ${folder.path}\`, which may leave a hole (--dry-run tells)`,
    ]);
    await putSegment(scene.repository.store, segment(2));
    await scene.until(() => scene.last?.told.length === 0);
    expect(scene.silent).toHaveLength(1);
  });

  test('names no lane of its own log, nor any before it knows these', async () => {
    await using folder = await tempDirectory('watch');
    await using scene = await Scene.begin(folder.path);
    scene.now = AT + 10_000_000;
    for (const own of [new Set([LANE]), undefined]) {
      scene.own = own;
      const { seconds } = scene;
      await scene.until(() => scene.seconds > seconds + 300);
    }
    expect(scene.last?.told).toEqual([]);
    scene.own = new Set();
    await scene.until(() => scene.last?.told.length === 1);
    const next = { lane: 'ff66554433221100', ordinal: 2, firstSeq: 1, openedAt: AT + 10_900_000 };
    const previous = { lane: LANE, lastSeq: 20 };
    const begin = { ...next, previous, reason: 'start', disputed: null, host: 'h' };
    await putBegin(scene.repository.store, begin);
    await scene.until(() => scene.last?.told.length === 0);
  });
});
