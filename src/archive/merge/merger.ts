import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { readWhole, listLanes } from '../holdings/catalog.ts';
import { Duckdb } from '../duckdb.ts';
import { laneDays } from '../holdings/lane-days.ts';
import { type EdgedDay, lastSequences, type Merge, planDay, withEdges } from './merge-plan.ts';
import { mergeSegments } from './merge-segments.ts';
import { indexClosedMonths } from './month-index.ts';
import { formatBeginName, formatSidecarName } from '../format/object-names.ts';
import type { Repository } from '../repository.ts';
import { type Begin, parseBegin, type Sidecar } from '../format/sidecar.ts';

export interface MergerOptions {
  readonly repository: Repository;
  readonly clock: Clock;
  /** As sidecars tell it. */
  readonly writer: string;
  /** A folder of its own on a local disk, for what doesn't fit into memory. Emptied. */
  readonly folder: string;
  readonly memoryMb: number;
  /** Archiving comes first: while it is behind, nothing new is begun. */
  readonly isBehind: () => boolean;
  readonly events: MergerEvents;
}

export interface MergerEvents {
  /** A segment was made of `parts` others, and is committed. */
  merged(sidecar: Sidecar, parts: number): void;
  /** An object stands in the way of a merge, which is left until that is mended. Told once. */
  blocked(object: string, reason: string): void;
  /** These months have an index now. */
  indexed(months: readonly string[]): void;
  /** Merging fails, or works again (undefined). Called once a change. */
  hindered(reason: string | undefined): void;
}

const LIMITS = {
  roundMs: 60_000,
  /** What came late to days that are done, or was mended, is found when everything is looked at again. */
  fullLookMs: 6 * 3_600_000,
  indexMs: 3_600_000,
  /** Merging has time. */
  threads: 1,
} as const;

/** Where the next look at a lane begins. */
interface Place {
  readonly day: string;
  readonly lastSeqBefore: number | undefined;
}

/**
 * Merges the minutes of a repository into hours and these into days, and then indexes the months that are closed, so
 * that years are listed as fast as weeks. Any number of mergers may do so at once, at any time be killed, and go
 * on where the repository's own listing says. Nothing is removed: what was merged leaves by expire.
 */
export class Merger {
  readonly #options: MergerOptions;
  readonly #begins = new Map<string, Begin>();
  readonly #places = new Map<string, Place>();
  /** Sidecars' names of merges that can't be done; tried again with the next full look. */
  readonly #blocked = new Set<string>();
  readonly #told = new Set<string>();
  #lookedMs = -Infinity;
  #indexedMs = -Infinity;
  #hindrance: string | undefined;
  #duckdb: Duckdb | undefined;

  constructor(options: MergerOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.once(signal);
      await this.#options.clock.sleep(LIMITS.roundMs, signal);
    }
  }

  /** Merges what is to be merged, unless the archiver is behind or the signal aborts. Never rejects. */
  async once(signal: AbortSignal): Promise<void> {
    const interrupt = (): void => this.#duckdb?.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      if (this.#isHeld(signal) || !(await this.#mergeLanes(signal))) return;
      await this.#index();
      this.#tellHindrance(undefined);
    } catch (error) {
      if (!signal.aborted) this.#tellHindrance((error as Error).message);
    } finally {
      signal.removeEventListener('abort', interrupt);
    }
  }

  /** False when it was not done with all of them. */
  async #mergeLanes(signal: AbortSignal): Promise<boolean> {
    this.#beginLook();
    const lanes = await this.#readLanes();
    const ends = lastSequences(this.#begins.values());
    for (const lane of lanes) {
      if (!(await this.#mergeLane(lane, ends.get(lane), signal))) return false;
    }
    return true;
  }

  #beginLook(): void {
    const { clock } = this.#options;
    if (clock.monotonicMs() - this.#lookedMs < LIMITS.fullLookMs) return;
    this.#lookedMs = clock.monotonicMs();
    this.#places.clear();
    this.#blocked.clear();
  }

  async #readLanes(): Promise<string[]> {
    const { store } = this.#options.repository;
    const lanes: string[] = [];
    for await (const lane of listLanes(store, [])) {
      lanes.push(lane);
      if (this.#begins.has(lane)) continue;
      const content = await readWhole(store, formatBeginName(lane));
      const begin = content && parseBegin(content);
      if (begin?.lane === lane) this.#begins.set(lane, begin);
    }
    return lanes;
  }

  async #mergeLane(lane: string, end: number | undefined, signal: AbortSignal): Promise<boolean> {
    const begin = this.#begins.get(lane);
    const { day, lastSeqBefore } = this.#places.get(lane) ?? {
      day: '',
      lastSeqBefore: begin && begin.firstSeq - 1,
    };
    const { store } = this.#options.repository;
    const days = laneDays({ store, lane, fromDay: day, onStranger: () => undefined });
    const firstSeqAfter = end === undefined ? undefined : end + 1;
    for await (const one of withEdges(days, { lastSeqBefore, firstSeqAfter })) {
      if (!(await this.#mergeDay(one, signal))) return false;
      this.#places.set(lane, { day: one.day, lastSeqBefore: one.edges.lastSeqBefore });
    }
    return true;
  }

  async #mergeDay({ segments, edges }: EdgedDay, signal: AbortSignal): Promise<boolean> {
    for (let known = segments; ;) {
      const merge = planDay({ segments: known, edges }).find(
        ({ segment }) => !this.#blocked.has(formatSidecarName(segment)),
      );
      if (merge === undefined) return !signal.aborted;
      if (this.#isHeld(signal)) return false;
      if (await this.#merge(merge, signal)) known = [...known, merge.segment];
    }
  }

  /** False when it can't be done. */
  async #merge(merge: Merge, signal: AbortSignal): Promise<boolean> {
    const { repository, clock, writer, folder, events } = this.#options;
    const tools = { repository, duckdb: () => this.#openDuckdb(), folder, signal };
    try {
      const outcome = await mergeSegments(merge, tools, { createdAt: clock.now(), writer });
      if (outcome.kind === 'merged') {
        if (outcome.isOwn) events.merged(outcome.sidecar, merge.inputs.length);
        return true;
      }
      if (outcome.kind === 'blocked') this.#tellBlocked(outcome.object, outcome.reason);
    } catch (error) {
      // What fails is not to hold up everything after it.
      if (!signal.aborted) this.#blocked.add(formatSidecarName(merge.segment));
      throw error;
    } finally {
      await this.#closeDuckdb();
    }
    this.#blocked.add(formatSidecarName(merge.segment));
    return false;
  }

  async #index(): Promise<void> {
    const { repository, clock, writer, events } = this.#options;
    if (clock.monotonicMs() - this.#indexedMs < LIMITS.indexMs) return;
    const months = await indexClosedMonths(repository.store, clock.now(), writer);
    this.#indexedMs = clock.monotonicMs();
    if (months.length > 0) events.indexed(months);
  }

  #isHeld(signal: AbortSignal): boolean {
    return signal.aborted || this.#options.isBehind();
  }

  async #openDuckdb(): Promise<Duckdb> {
    if (this.#duckdb !== undefined) return this.#duckdb;
    const { folder, memoryMb } = this.#options;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const { threads } = LIMITS;
    this.#duckdb = await Duckdb.open({ scratch: join(folder, 'spill'), memoryMb, threads });
    // What is not sorted comes as it is in the parts.
    await this.#duckdb.run('set preserve_insertion_order = true');
    return this.#duckdb;
  }

  /** Each merge has one of its own: what a long-lived one holds on to grows with every merge. */
  async #closeDuckdb(): Promise<void> {
    if (this.#duckdb === undefined) return;
    this.#duckdb.close();
    this.#duckdb = undefined;
    await rm(this.#options.folder, { recursive: true, force: true }).catch(() => undefined);
  }

  #tellBlocked(object: string, reason: string): void {
    if (this.#told.has(object)) return;
    this.#told.add(object);
    this.#options.events.blocked(object, reason);
  }

  #tellHindrance(reason: string | undefined): void {
    if (reason === this.#hindrance) return;
    this.#hindrance = reason;
    this.#options.events.hindered(reason);
  }
}
