import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  formatBeginName,
  formatDataName,
  formatSidecarName,
  type SegmentName,
} from '../../src/archive/format/object-names.ts';
import {
  type Begin,
  formatBegin,
  formatRepositoryFile,
  formatSidecar,
} from '../../src/archive/format/sidecar.ts';
import type { ObjectInfo } from '../../src/storage/object-store.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import { hastyStore } from '../kit/repository.ts';
import { tempDirectory } from '../kit/temp.ts';
import { namesOf, Verifying } from '../kit/verifying.ts';

let verifying: Verifying;

beforeAll(async () => {
  verifying = await Verifying.open();
});

afterAll(async () => {
  await verifying[Symbol.asyncDispose]();
});

/** A writer's steps: what it commits, in order. */
type Step = (store: FileStore) => Promise<unknown>;

describe('while the archiver writes', () => {
  test.each([
    ['a segment', (name: string) => /minute.*0{13}11-.*json$/.test(name)],
    ['a segment, and what was merged of it', (name: string) => /0{13}(11|01)-.*json$/.test(name)],
    ['a lane', (name: string) => name.startsWith('lanes/aaaa')],
  ])('verify looks again before it says that %s is missing', async (_, isLate) => {
    await using folder = await tempDirectory('late');
    const store = new LateStore(folder.path);
    for (const step of archiverSteps()) await step(hastyStore(folder.path));
    for (const name of await namesOf(new FileStore(folder.path))) {
      if (isLate(name)) store.late.add(name);
    }
    const late = store.late.size;
    const { findings } = await verifying.run(store, { contents: undefined });
    expect(late).toBeGreaterThan(0);
    expect(store.late.size).toBe(0);
    // Those that lost a race.
    expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(['orphan']));
    expect(findings.every(({ object }) => object.endsWith('.00000002.parquet'))).toBe(true);
  });

  test('verify raises no alarm, whatever is committed between which of its steps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.nat(60)),
        fc.integer({ min: 1, max: 40 }),
        async (pauses, done) => {
          await using folder = await tempDirectory('busy');
          const store = new BusyStore(
            folder.path,
            () => [1, 2, 7, 20][pauses.next().value ?? 0] ?? 0,
          );
          const steps = archiverSteps();
          for (const step of steps.splice(0, done)) await step(hastyStore(folder.path));
          store.steps = steps;
          const { findings } = await verifying.run(store, { contents: undefined });
          expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** Shows things late: as a listing may that is read while names are added. */
class LateStore extends FileStore {
  /** Hidden in the first listing that would show them. */
  readonly late = new Set<string>();

  override async *list(prefix: string, after?: string): AsyncGenerator<ObjectInfo> {
    for await (const info of super.list(prefix, after)) {
      if (!this.late.delete(info.name)) yield info;
    }
  }
}

/** Between two of its reads so many of the steps are done. */
class BusyStore extends FileStore {
  steps: Step[] = [];
  readonly #pause: () => number;
  readonly #writer: FileStore;
  #last: Promise<void> = Promise.resolve();

  constructor(root: string, pause: () => number) {
    super(root);
    this.#pause = pause;
    this.#writer = hastyStore(root);
  }

  override async read(name: string): Promise<Buffer | undefined> {
    await this.#write();
    return super.read(name);
  }

  override async localPath(name: string): Promise<string | undefined> {
    await this.#write();
    return super.localPath(name);
  }

  override async *list(prefix: string, after?: string): AsyncGenerator<ObjectInfo> {
    await this.#write();
    for await (const info of super.list(prefix, after)) {
      yield info;
      await this.#write();
    }
  }

  #write(): Promise<void> {
    const some = this.steps.splice(0, this.#pause());
    this.#last = this.#afterLast(some);
    return this.#last;
  }

  async #afterLast(steps: readonly Step[]): Promise<void> {
    await this.#last;
    for (const step of steps) await step(this.#writer);
  }
}

/**
 * Three lanes, each after the one before; minutes, of which some are merged, and data of one who lost a race. All are
 * registered while the first one is still being archived, as after two starts in a row.
 */
function archiverSteps(): Step[] {
  let ms = Date.UTC(2026, 4, 28, 23, 57);
  const steps: Step[] = [(store) => store.create('repository.json', Buffer.from(REPOSITORY))];
  const begins: Step[] = [];
  // In the order of names the second one comes first.
  for (const [index, letter] of ['c', 'a', 'b'].entries()) {
    const lane = letter.repeat(16);
    const before = ['c', 'a'][index - 1]?.repeat(16);
    const begin: Begin = {
      lane,
      ordinal: index + 1,
      firstSeq: 1,
      openedAt: ms,
      previous: before === undefined ? null : { lane: before, lastSeq: 40 },
      reason: 'start',
      disputed: null,
      host: 'h',
    };
    begins.push((store) => store.create(formatBeginName(lane), Buffer.from(formatBegin(begin))));
    if (index === 0) steps.push(...begins.splice(0));
    let merged: SegmentName | undefined;
    for (let n = 0; n < 4; n += 1) {
      const span = { firstSeq: n * 10 + 1, lastSeq: n * 10 + 10, fromMs: ms, toMs: ms + 60_000 };
      const segment = { lane, level: 'minute', ...span } as const;
      ms = segment.toMs;
      steps.push(...commit(segment, index + 1));
      const isSameDay = merged !== undefined && dayOf(merged.toMs) === dayOf(ms);
      merged = merged && isSameDay ? { ...merged, lastSeq: segment.lastSeq, toMs: ms } : segment;
      if (n % 2 === 1) steps.push(...commit({ ...merged, level: 'hour' }, index + 1));
    }
  }
  steps.splice(10, 0, ...begins);
  return steps;
}

function dayOf(epochMs: number): number {
  return Math.floor(epochMs / 86_400_000);
}

const REPOSITORY = formatRepositoryFile({ id: '0123456789abcdef', createdAt: 1 });

/** Data, then the sidecar; of one who lost the race the data stay. */
function commit(segment: SegmentName, ordinal: number): Step[] {
  const content = Buffer.from('PAR1');
  const object = formatDataName(segment, '00000001');
  const records = segment.lastSeq - segment.firstSeq + 1;
  const data = { object, bytes: content.length, sha256: '', rows: records };
  const counts = { records, points: records, refused: 0, bypasses: 0 };
  const sidecar = {
    ...segment,
    ordinal,
    ...counts,
    confirmed: null,
    instants: { from: 1, to: 1 },
    data,
    createdAt: 1,
    writer: 'test',
  };
  return [
    (store) => store.create(object, content),
    (store) => store.create(formatDataName(segment, '00000002'), content),
    (store) => store.create(formatSidecarName(segment), Buffer.from(formatSidecar(sidecar))),
  ];
}
