import { WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type Catalog, readSidecar } from '../holdings/catalog.ts';
import { checkDataObject } from '../data-object.ts';
import { withInnerOf } from '../holdings/inner-segments.ts';
import { outermost } from '../holdings/lane-spans.ts';
import { formatSidecarName, type SegmentName } from '../format/object-names.ts';
import type { Sidecar } from '../format/sidecar.ts';
import { SpansByTime } from '../holdings/spans-by-time.ts';
import {
  type Damaged,
  lostRecords,
  notAmong,
  withoutDamaged,
} from '../holdings/without-damaged.ts';

/** Segments that are no objects of the repository but files beside it, by the names of sidecars that they would have. */
export type LocalSegments = ReadonlyMap<string, LocalSegment>;

export interface LocalSegment {
  readonly sidecar: Sidecar;
  /** Undefined when nothing of it is wanted; then it has no data. */
  readonly path: string | undefined;
}

export interface SearchedSegmentsOptions {
  readonly store: ObjectStore;
  /** With the segments of `local` among its objects. */
  readonly catalog: Catalog;
  readonly local: LocalSegments;
  /** What was received before is of no interest. */
  readonly fromMs: number;
  /** The same without segments of the repository that are damaged: what a log or a topic has of them is in `local`. Undefined where there is neither. */
  readonly readWithout?:
    | ((damaged: Damaged) => Promise<Pick<SearchedSegmentsOptions, 'catalog' | 'local'>>)
    | undefined;
  readonly signal: AbortSignal;
}

/** A segment's file, whose every byte is what was written. */
export interface SearchedFile {
  readonly path: string;
  readonly sidecar: Sidecar;
  /** What is before it in the segment is in another file. */
  readonly firstSeq: number;
}

/** A segment, and the first record that is to be taken from it. */
interface Taken extends Pick<SegmentName, 'fromMs' | 'toMs'> {
  readonly segment: SegmentName;
  readonly firstSeq: number;
}

const SIDECARS_AT_ONCE = 32;

/**
 * The segments that hold each record once: the largest that there are. One that turns out to be damaged is done
 * without, and what the repository still has in its place is taken, else what a log or a topic has.
 */
export class SearchedSegments {
  readonly #options: SearchedSegmentsOptions;
  #catalog: Catalog;
  #local: LocalSegments;
  #lanes: readonly (readonly SegmentName[])[] = [];
  readonly #sidecars = new Map<SegmentName, Sidecar>();
  readonly #paths = new Map<SegmentName, string>();
  readonly #damaged = new Map<SegmentName, string>();
  /** Of so many damaged segments it is known whether something beside the repository has their records. */
  #asked = 0;
  /** Of so many damaged segments it is known what lies in them. */
  #goneInto = 0;
  #taken = new SpansByTime<Taken>([]);

  private constructor(options: SearchedSegmentsOptions) {
    this.#options = options;
    this.#catalog = options.catalog;
    this.#local = options.local;
    this.#adopt(options);
  }

  /** Reads the sidecars. */
  static async open(options: SearchedSegmentsOptions): Promise<SearchedSegments> {
    const segments = new SearchedSegments(options);
    await segments.#choose();
    return segments;
  }

  /** What can't be used, by the names of sidecars, and why; more may turn out to be as segments are read. */
  get damaged(): ReadonlyMap<string, string> {
    return new Map([...this.#damaged].map(([segment, why]) => [formatSidecarName(segment), why]));
  }

  /** What the repository and the log hold without it. */
  get usable(): Catalog {
    return withoutDamaged(this.#catalog, notAmong(this.damaged, this.#local));
  }

  /** Of all that may be read. */
  get sidecars(): Sidecar[] {
    return this.#taken.touching(EVER).flatMap(({ segment }) => this.#sidecars.get(segment) ?? []);
  }

  /** The files of the segments that may hold something received then and are wanted; every byte was checked. */
  async files(
    received: Pick<Taken, 'fromMs' | 'toMs'>,
    isWanted: (sidecar: Sidecar) => boolean,
  ): Promise<SearchedFile[]> {
    await this.#settle(received, isWanted);
    return this.#taken.touching(received).flatMap(({ segment, firstSeq }) => {
      const sidecar = this.#sidecars.get(segment);
      const path = this.#paths.get(segment);
      if (sidecar === undefined || path === undefined || !isWanted(sidecar)) return [];
      return [{ path, sidecar, firstSeq }];
    });
  }

  /** Until all that is wanted has its file. */
  async #settle(
    received: Pick<Taken, 'fromMs' | 'toMs'>,
    isWanted: (sidecar: Sidecar) => boolean,
  ): Promise<void> {
    for (;;) {
      const known = this.#damaged.size;
      for (const { segment } of this.#taken.touching(received)) {
        const sidecar = this.#sidecars.get(segment);
        if (sidecar !== undefined && isWanted(sidecar)) await this.#check(segment, sidecar);
      }
      if (this.#damaged.size === known) return;
      await this.#choose();
    }
  }

  async #choose(): Promise<void> {
    do await this.#chooseListed();
    while (await this.#lookBeside());
  }

  /** Where records are only in what is damaged; returns whether there is more to choose from then. */
  async #lookBeside(): Promise<boolean> {
    const { readWithout } = this.#options;
    if (readWithout === undefined || this.#damaged.size === this.#asked) return false;
    this.#asked = this.#damaged.size;
    if (lostRecords(this.usable).length === 0) return false;
    this.#adopt(await readWithout(this.damaged));
    return true;
  }

  /** Looks for what stands in the place of merged segments that are damaged. */
  async #goInto(): Promise<void> {
    if (this.#damaged.size === this.#goneInto) return;
    this.#goneInto = this.#damaged.size;
    const local = this.#local;
    const damaged = notAmong(this.damaged, local);
    const catalog = await withInnerOf(this.#options.store, this.#catalog, damaged);
    this.#adopt({ catalog, local });
  }

  /** What is known of a segment stays known. */
  #adopt({ catalog, local }: Pick<SearchedSegmentsOptions, 'catalog' | 'local'>): void {
    const { fromMs } = this.#options;
    const known = new Map<string, SegmentName>();
    for (const segment of this.#lanes.flat()) {
      const name = formatSidecarName(segment);
      // What was made of a log in place of a damaged segment may have its name.
      if (!local.has(name)) known.set(name, segment);
    }
    this.#catalog = catalog;
    this.#local = local;
    this.#lanes = [...catalog.lanes.values()].map(({ objects }) =>
      objects
        .filter(({ toMs }) => toMs >= fromMs)
        .map((segment) =>
          known.size === 0 ? segment : (known.get(formatSidecarName(segment)) ?? segment),
        ),
    );
    if (local.size === 0) return;
    for (const segment of this.#lanes.flat()) {
      const { path, sidecar } = local.get(formatSidecarName(segment)) ?? {};
      if (sidecar !== undefined) this.#sidecars.set(segment, sidecar);
      if (path !== undefined) this.#paths.set(segment, path);
    }
  }

  /** Takes what is not known to be damaged, until all of it has its sidecar. */
  async #chooseListed(): Promise<void> {
    for (let known = -1; known !== this.#damaged.size;) {
      known = this.#damaged.size;
      await this.#goInto();
      const taken = this.#lanes.flatMap((segments) => this.#take(segments));
      const unread = taken.filter(({ segment }) => !this.#sidecars.has(segment));
      for (let at = 0; at < unread.length; at += SIDECARS_AT_ONCE) {
        const some = unread.slice(at, at + SIDECARS_AT_ONCE);
        await Promise.all(some.map(({ segment }) => this.#readSidecar(segment)));
        this.#options.signal.throwIfAborted();
      }
      this.#taken = new SpansByTime(taken);
    }
  }

  #take(segments: readonly SegmentName[]): Taken[] {
    let lastSeq = 0;
    return outermost(segments.filter((segment) => !this.#damaged.has(segment))).map((segment) => {
      const firstSeq = Math.max(segment.firstSeq, lastSeq + 1);
      lastSeq = segment.lastSeq;
      return { segment, firstSeq, fromMs: segment.fromMs, toMs: segment.toMs };
    });
  }

  async #readSidecar(segment: SegmentName): Promise<void> {
    try {
      const sidecar = await readSidecar(this.#options.store, segment);
      if (sidecar !== undefined) this.#sidecars.set(segment, sidecar);
      else this.#damaged.set(segment, `${formatSidecarName(segment)} is gone`);
    } catch (error) {
      const isDamage = error instanceof WalError && error.code === 'REPOSITORY_DAMAGED';
      if (!isDamage) throw error;
      this.#damaged.set(segment, error.message);
    }
  }

  async #check(segment: SegmentName, { data }: Sidecar): Promise<void> {
    if (data === null || this.#paths.has(segment) || this.#damaged.has(segment)) return;
    const { store, signal } = this.#options;
    const checked = await checkDataObject(store, data, signal);
    if (checked.kind === 'whole') this.#paths.set(segment, checked.path);
    else this.#damaged.set(segment, checked.reason);
  }
}

const EVER = { fromMs: -Infinity, toMs: Infinity };
