import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readCatalog } from '../../../src/archive/holdings/catalog.ts';
import { mergeSegments } from '../../../src/archive/merge/merge-segments.ts';
import { type Control, parseControl } from '../../../src/record/control.ts';
import type { Position } from '../../../src/record/position.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { assert } from '../../../src/runtime/errors.ts';
import { ExpectedState } from '../../../src/restore/expected-state.ts';
import { findState, type FoundState } from '../../../src/restore/segments/find-state.ts';
import { damageReader, readLog } from '../../../src/restore/segments/read-log.ts';
import type {
  RestoreEvent,
  RestorePlan,
  RestoreRequest,
} from '../../../src/restore/restore-request.ts';
import type { RestoreTime } from '../../../src/restore/restore-time.ts';
import { WorkDirectory } from '../../../src/restore/work-directory/work-directory.ts';
import { ArchiveRig } from '../../archive/archive-rig.ts';
import { NEVER } from '../../archive/kit/merging.ts';
import { ManualClock } from '../../kit/wal-clock.ts';
import { present, TestLog } from '../../kit/wal-log.ts';
import { asMap, sorted } from './folded.ts';
import { type Harm, harmSegments, sidecarsOf } from './harm-segments.ts';
import type { MadeHistory } from './histories.ts';
import type { MadeLane, MadeRecord } from './history.ts';
import { readLineFile } from './line-files.ts';

/** What a restore of some time would write, by the names of instants, and what it says of itself. */
export interface Restored {
  readonly lines: ReadonlyMap<string, string>;
  readonly plan: RestorePlan;
  readonly found: FoundState;
}

/** A data directory, a repository that has some of its log, and restores of both. */
export class LogScene implements AsyncDisposable {
  readonly rig: ArchiveRig;
  readonly events: RestoreEvent[] = [];
  /** Sidecars that are hidden, by name. */
  readonly #hidden = new Map<string, string>();

  private constructor(rig: ArchiveRig) {
    this.rig = rig;
  }

  static async create(): Promise<LogScene> {
    return new LogScene(await ArchiveRig.create());
  }

  /** Writes a history as the log takes it, a file every 2 KB. */
  async write({ lanes, cuts }: MadeHistory): Promise<void> {
    const clock = new ManualClock();
    const places = new Map<string, Position>();
    for (const { lane, records } of lanes) {
      moveTo(clock, records[0]?.receivedAt ?? 0);
      const log = await TestLog.open(this.rig.wal, { segmentBytes: 2_000, clock });
      for (const [index, record] of records.entries()) {
        moveTo(clock, record.receivedAt);
        const position = append(log, record, places);
        places.set(`${lane}/${index + 1}`, position);
        if (index % (cuts[0] ?? 1) === 0) log.wal.appendControl({ kind: 'cut' });
        if (index % 3 === 0) await log.settle();
      }
      await log.wal.close();
    }
  }

  /** Sidecars that are committed, in order. */
  sidecars(): Promise<string[]> {
    return sidecarsOf(this.rig.repository);
  }

  /** Makes one segment more of the first minutes of each lane, as the merger would of an hour. */
  async merge(minutes: number): Promise<void> {
    const { repository, duckdb, folder } = this.rig;
    for (const { objects } of (await readCatalog(repository.store)).lanes.values()) {
      const parts = objects.filter(({ level }) => level === 'minute').slice(0, minutes);
      const [first, last] = [parts[0], parts.at(-1)];
      if (first === undefined || last === undefined || first === last) continue;
      const { lastSeq, toMs } = last;
      const segment = { ...first, level: 'hour' as const, lastSeq, toMs };
      const tools = { repository, folder, duckdb: () => Promise.resolve(duckdb), signal: NEVER };
      const merge = { segment, inputs: parts };
      const outcome = await mergeSegments(merge, tools, { createdAt: 1, writer: 'test' });
      assert(outcome.kind === 'merged', 'whole segments can be merged');
    }
  }

  /** Does something to the objects of committed segments, by their place in the order of names. */
  async harm(harmOf: (index: number) => Harm | undefined): Promise<void> {
    await harmSegments(this.rig.repository, harmOf);
  }

  /** The segments that are committed are no more, but for those whose place in their order is kept. */
  async hide(isHidden: (index: number) => boolean): Promise<void> {
    const { store } = this.rig.repository;
    for (const [index, name] of (await this.sidecars()).entries()) {
      if (!isHidden(index)) continue;
      const hidden = join(this.rig.data, '..', 'hidden', name);
      await mkdir(dirname(hidden), { recursive: true });
      await rename(join(store.root, name), hidden);
      this.#hidden.set(name, hidden);
    }
  }

  /** What was hidden is committed. */
  async commitHidden(): Promise<void> {
    for (const [name, hidden] of this.#hidden) {
      await rename(hidden, join(this.rig.repository.store.root, name));
    }
    this.#hidden.clear();
  }

  /** The whole log, as it is on the disk. */
  async lanes(): Promise<MadeLane[]> {
    const lanes = await this.rig.records();
    return [...lanes].map(([lane, records]) => ({
      lane,
      records: records.map(({ receivedAt, transport, lines }): MadeRecord => {
        return { receivedAt, transport: transport as MadeRecord['transport'], lines };
      }),
    }));
  }

  request(to: RestoreTime, more: Partial<RestoreRequest> = {}): RestoreRequest {
    return {
      repository: this.rig.place,
      data: this.rig.data,
      target: undefined,
      to,
      isDryRun: true,
      rate: Infinity,
      isOnlyConfirmed: false,
      allowHoles: false,
      isVerified: false,
      allowOtherMetrics: false,
      work: join(this.rig.data, '..', 'work'),
      memoryMb: 200,
      threads: 1,
      ...more,
    };
  }

  find(to: RestoreTime, more: Partial<RestoreRequest> = {}): Promise<FoundState> {
    return findState(this.request(to, more), systemClock.now());
  }

  async restore(to: RestoreTime, more: Partial<RestoreRequest> = {}): Promise<Restored> {
    return this.finish(await this.find(to, more), more);
  }

  /** Of a state that was found before. */
  async finish(
    state: FoundState,
    more: Partial<RestoreRequest> = {},
    { signal } = new AbortController(),
  ): Promise<Restored> {
    const request = this.request({ kind: 'at', ms: state.asOfMs }, more);
    const folder = await mkdtemp(join(this.rig.data, '..', 'restore-'));
    const work = await WorkDirectory.open(folder, []);
    try {
      const reading = {
        request,
        work,
        clock: systemClock,
        report: (event: RestoreEvent) => this.events.push(event),
        signal,
      };
      const found = await readLog(state, reading);
      const readWithout = damageReader(found, reading);
      const options = { scratch: work.scratch, onChecked: () => undefined, readWithout };
      await using expected = await ExpectedState.open(found, request, options);
      return { lines: await linesOf(expected, folder), plan: expected.plan, found };
    } finally {
      await work.remove();
      await rm(folder, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}

/** As `Restored.lines` has them. */
export function asLines(
  state: ReadonlyMap<string, { readonly line: string; readonly transport: string }>,
): Map<string, string> {
  return new Map(
    [...state].map(([key, { line, transport }]) => [key, `${transport} ${sorted(line)}`]),
  );
}

function moveTo(clock: ManualClock, ms: number): void {
  clock.pass(ms - clock.wall);
}

function append(
  log: TestLog,
  { transport, lines }: MadeRecord,
  places: ReadonlyMap<string, Position>,
): Position {
  if (transport !== 'log') return present(log.append(lines, transport));
  let last: Position | undefined;
  for (const line of lines) last = log.wal.appendControl(translated(line, places));
  return present(last);
}

/** Histories name lanes and sequences that only this log knows. */
function translated(line: string, places: ReadonlyMap<string, Position>): Control {
  const control = parseControl(line);
  if (control?.kind === 'fork') {
    const undone = control.undone.map(({ lane, from, to }) => {
      const [first, last] = [from, to].map((seq) => present(places.get(`${lane}/${seq}`)));
      return { lane: present(first).lane, from: present(first).seq, to: present(last).seq };
    });
    return { ...control, undone };
  }
  if (control?.kind !== 'outcome') return { kind: 'tick', confirmed: null };
  const { lane, seq } = present(places.get(`${control.lane}/${control.seq}`));
  return { ...control, lane, seq };
}

async function linesOf(expected: ExpectedState, folder: string): Promise<Map<string, string>> {
  const lines: string[] = [];
  const path = join(folder, 'lines');
  for (const range of expected.ranges) {
    await expected.fold.writeLines(range, path);
    lines.push(...(await readLineFile(path)));
  }
  return asMap(lines);
}
