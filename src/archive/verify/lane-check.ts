import { join } from 'node:path';
import type { FileStore } from '../../storage/file-store.ts';
import type { LaneNotes } from '../holdings/catalog.ts';
import type { DamagedSpan } from '../holdings/coverage.ts';
import { type CheckedSegment, checkDay, type DayCheckOptions, isUsable } from './day-check.ts';
import { type Finding, misleading, orphan, strangerNote } from './finding.ts';
import { type LaneDay, laneDays } from '../holdings/lane-days.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import { lookAtFile } from '../write/leaving.ts';
import { checkSegment } from './segment-check.ts';
import {
  dayAt,
  formatSidecarName,
  parseObjectName,
  type SegmentName,
  type Span,
} from '../format/object-names.ts';

export interface LaneCheckOptions extends DayCheckOptions {
  readonly store: FileStore;
  readonly report: (finding: Finding) => void;
  readonly now: () => number;
}

/** What the segments of a month come to, each record once. */
export interface MonthCheck {
  covered: readonly Span[];
  records: number;
  points: number;
  /** As often as they are said. */
  forks: number;
  /** All of its sidecars were read. */
  isWhole: boolean;
}

/** A data object that no sidecar names, and that might stand for more than a crash. */
export interface OpenOrphan {
  readonly object: string;
  readonly segment: SegmentName;
}

const ORPHANS_MAX = 10_000;

/** Goes through a lane day by day: what it keeps is what the days come to. */
export class LaneCheck {
  readonly lane: string;
  readonly notes: LaneNotes;
  readonly months = new Map<string, MonthCheck>();
  /** Of records that no segment holds. */
  readonly orphans: OpenOrphan[] = [];
  /** How many were looked into. */
  segments = 0;
  readonly #options: LaneCheckOptions;
  #listed: readonly Span[] = [];
  #usable: readonly Span[] = [];
  #damaged: readonly Span[] = [];
  /** The last record of the days before. */
  #last: Pick<Span, 'lastSeq' | 'toMs'> | undefined;

  constructor(lane: string, notes: LaneNotes, options: LaneCheckOptions) {
    this.lane = lane;
    this.notes = notes;
    this.#options = options;
  }

  /** What its segments cover, in order. */
  get listed(): readonly Span[] {
    return this.#listed;
  }

  /** What those cover that a restore can take. */
  get usable(): readonly Span[] {
    return this.#usable;
  }

  /** What those cover that it can't. */
  get damaged(): readonly DamagedSpan[] {
    return this.#damaged.map((span) => Object.assign({ reason: 'it is damaged' }, span));
  }

  /** Receive time up to which it was looked into. */
  get reachedMs(): number | undefined {
    return this.#last?.toMs;
  }

  async run(): Promise<void> {
    const { store, report } = this.#options;
    const onStranger = (name: string): void => report(strangerNote(name));
    for await (const day of laneDays({ store, lane: this.lane, onStranger })) {
      const findings = this.#orderFaults(day.segments);
      const result = await this.#check(day.segments);
      for (const finding of [...findings, ...result.findings]) report(finding);
      this.#count(result.checked);
      await this.#lookForOrphans(day, result.checked);
    }
  }

  /** Looks again from a time on; returns whether there was something that the first look did not see. */
  async runAgain(fromMs: number): Promise<boolean> {
    const { store, report } = this.#options;
    const fromDay = dayAt(fromMs);
    let isNew = false;
    for await (const day of laneDays({
      store,
      lane: this.lane,
      fromDay,
      onStranger: () => undefined,
    })) {
      const unseen = day.segments.filter((segment) => !isWithin(segment, this.#listed));
      if (unseen.length === 0) continue;
      isNew = true;
      const result = await this.#check(unseen);
      for (const finding of result.findings) report(finding);
      this.#count(result.checked);
    }
    return isNew;
  }

  #check(segments: readonly SegmentName[]): ReturnType<typeof checkDay> {
    const known = { begin: this.notes.begin, objects: this.#usable };
    return checkDay(segments, known, this.#options);
  }

  #count(all: readonly CheckedSegment[]): void {
    const checked = all.filter(({ check }) => check.kind !== 'gone');
    this.segments += checked.filter(({ check }) => check.kind !== 'old').length;
    const segments = checked.map(({ nest }) => nest.segment);
    const usable = checked.filter(isUsable).map(({ nest }) => nest.segment);
    const damaged = checked.filter((one) => !isUsable(one)).map(({ nest }) => nest.segment);
    this.#listed = uniteSpans<Span>([...this.#listed, ...segments]).covered;
    this.#usable = uniteSpans<Span>([...this.#usable, ...usable]).covered;
    this.#damaged = uniteSpans<Span>([...this.#damaged, ...damaged]).covered;
    this.#countMonth(checked);
    for (const { lastSeq, toMs } of segments) {
      if (lastSeq > (this.#last?.lastSeq ?? -1)) this.#last = { lastSeq, toMs };
    }
  }

  #countMonth(checked: readonly CheckedSegment[]): void {
    let lastSeq = -1;
    for (const { nest, check } of checked) {
      const { segment } = nest;
      // What lies in another one comes after it.
      if (segment.lastSeq <= lastSeq) continue;
      lastSeq = segment.lastSeq;
      const key = new Date(segment.toMs).toISOString().slice(0, 7);
      const month = this.months.get(key) ?? {
        covered: [],
        records: 0,
        points: 0,
        forks: 0,
        isWhole: true,
      };
      month.covered = uniteSpans<Span>([...month.covered, segment]).covered;
      const sidecar = 'sidecar' in check ? check.sidecar : undefined;
      month.records += sidecar?.records ?? 0;
      month.points += sidecar?.points ?? 0;
      month.forks += sidecar?.forks?.length ?? 0;
      month.isWhole &&= sidecar !== undefined;
      this.months.set(key, month);
    }
  }

  /**
   * Where segments do not join on to what is before them in the lane. They may begin earlier: what is before them may
   * have been a hole once.
   */
  #orderFaults(segments: readonly SegmentName[]): Finding[] {
    const ends = new Map(segments.map((segment) => [segment.lastSeq, segment.toMs]));
    const last = this.#last;
    if (last !== undefined) ends.set(last.lastSeq, last.toMs);
    return segments.flatMap((segment) => {
      const { firstSeq, fromMs } = segment;
      const before = ends.get(firstSeq - 1);
      const reason =
        last !== undefined && firstSeq <= last.lastSeq
          ? `it begins at record ${firstSeq}, though an earlier day ends with ${last.lastSeq}`
          : before !== undefined && fromMs > before
            ? `it begins at ${fromMs}, what is before it ends at ${before}`
            : undefined;
      if (reason === undefined) return [];
      return [misleading(formatSidecarName(segment), { kind: 'contradiction', reason, fromMs })];
    });
  }

  async #lookForOrphans(day: LaneDay, checked: readonly CheckedSegment[]): Promise<void> {
    const { sinceMs } = this.#options;
    const named = new Set<string>();
    const unread = new Set<string>();
    for (const { nest, check } of checked) {
      const sidecar = 'sidecar' in check ? check.sidecar : undefined;
      if (sidecar === undefined) unread.add(formatSidecarName(nest.segment));
      else if (sidecar.data !== null) named.add(sidecar.data.object);
    }
    for (const object of day.data) {
      const segment = parseObjectName(object);
      if (segment?.kind !== 'data' || segment.toMs <= sinceMs) continue;
      if (named.has(object) || unread.has(formatSidecarName(segment))) continue;
      if (isWithin(segment, this.#listed) || this.orphans.length >= ORPHANS_MAX) {
        await this.tellOrphan({ object, segment });
      } else this.orphans.push({ object, segment });
    }
  }

  /** Unless its sidecar has come since, or it was removed. */
  async tellOrphan({ object, segment }: OpenOrphan): Promise<void> {
    const { store, now, report } = this.#options;
    const found = await lookAtFile(join(store.root, object), now());
    if (found !== undefined && !(await this.#isNamed({ object, segment }))) {
      report(orphan(object, found));
    }
  }

  async #isNamed({ object, segment }: OpenOrphan): Promise<boolean> {
    const { store } = this.#options;
    const check = await checkSegment(store, segment, { isQuick: true });
    return 'sidecar' in check && check.sidecar?.data?.object === object;
  }
}

function isWithin(span: Span, covered: readonly Span[]): boolean {
  return covered.some(
    ({ firstSeq, lastSeq }) => firstSeq <= span.firstSeq && lastSeq >= span.lastSeq,
  );
}
