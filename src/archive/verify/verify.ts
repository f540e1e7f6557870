import { join } from 'node:path';
import type { FileStore } from '../../storage/file-store.ts';
import {
  type LaneNotes,
  listLanes,
  type ObjectFault,
  readLaneNotes,
  readWhole,
} from '../holdings/catalog.ts';
import type { ContentReader } from '../search/content-reader.ts';
import { computeCoverage, type Coverage, type LaneHoldings } from '../holdings/coverage.ts';
import {
  indexNote,
  type Finding,
  hole,
  laneNote,
  leftover,
  lostSidecar,
  misleading,
  PUT_BACK,
  strangerNote,
} from './finding.ts';
import { checkIndex } from './index-check.ts';
import { LaneCheck } from './lane-check.ts';
import { lookAtFile } from '../write/leaving.ts';
import { lostOf } from '../holdings/lost-records.ts';
import { readMonthIndexes } from '../format/month-index-file.ts';
import { formatSidecarName, REPOSITORY_NAME } from '../format/object-names.ts';
import { parseRepositoryFile } from '../format/sidecar.ts';
import { strayNames } from './strays.ts';

export interface VerifyOptions {
  readonly store: FileStore;
  /** Undefined when only the sizes of data objects are looked at. */
  readonly contents: Pick<ContentReader, 'read'> | undefined;
  /** Segments whose last record was received by then are listed only; -Infinity for all. */
  readonly sinceMs: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly report: (finding: Finding) => void;
  /** A segment was looked into; `bytes` of its data were found. */
  readonly onChecked: (bytes: number) => void;
}

/** What a repository was found to be. */
export interface Verified {
  /** Undefined when `repository.json` is damaged or missing. */
  readonly id: string | undefined;
  /** False when it was interrupted: then the rest is what was found by then. */
  readonly isComplete: boolean;
  /** Where it was when it was interrupted. */
  readonly reached: { readonly lane: string; readonly ms: number | undefined } | undefined;
  readonly lanes: number;
  readonly segments: number;
  /** Each once, though it may be in a segment of every level. */
  readonly records: number;
  readonly points: number;
  /** Without what is damaged; undefined when it was interrupted. */
  readonly coverage: Coverage | undefined;
}

/** How often the listing is looked at again, where what came meanwhile may fill a hole. */
const LOOKS_MAX = 3;

/**
 * Looks into every object of a repository, once, and tells what is wrong by `report`. It may be written to meanwhile: what
 * is read in what order is so that this raises no alarm.
 *
 * - Indexes first: they know of nothing that a later listing lacks.
 * - A lane before the one that it follows: once something of the later one is there, the earlier one is complete.
 * - What seems to be missing at the end is looked for again.
 */
export async function verifyRepository(options: VerifyOptions): Promise<Verified> {
  const verification = new Verification(options);
  try {
    await verification.run();
    return verification.result(true);
  } catch (error) {
    if (!options.signal.aborted) throw error;
    return verification.result(false);
  }
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #checks = new Map<string, LaneCheck>();
  #id: string | undefined;
  #current: LaneCheck | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { store } = this.#options;
    await this.#checkRepositoryFile();
    const faults: ObjectFault[] = [];
    const indexes = await readMonthIndexes(store, faults);
    this.#tell(faults.map(indexNote));
    await this.#checkLanes();
    await this.#lookAgain();
    this.#tellLanes();
    for (const index of indexes.values()) this.#tell(checkIndex(index, this.#checks));
    await this.#tellOrphans();
    await this.#tellStrays();
  }

  result(isComplete: boolean): Verified {
    const checks = [...this.#checks.values()];
    const months = checks.flatMap((check) => [...check.months.values()]);
    const at = this.#current;
    return {
      id: this.#id,
      isComplete,
      reached: isComplete || at === undefined ? undefined : { lane: at.lane, ms: at.reachedMs },
      lanes: checks.length,
      segments: checks.reduce((sum, check) => sum + check.segments, 0),
      records: months.reduce((sum, { records }) => sum + records, 0),
      points: months.reduce((sum, { points }) => sum + points, 0),
      coverage: isComplete ? this.#coverage(withDamage) : undefined,
    };
  }

  async #checkRepositoryFile(): Promise<void> {
    const content = await readWhole(this.#options.store, REPOSITORY_NAME);
    const file = content && parseRepositoryFile(content);
    this.#id = file?.id;
    if (file !== undefined) return;
    this.#tell([
      {
        severity: 'damage',
        kind: content === undefined ? 'missing' : 'damaged',
        object: REPOSITORY_NAME,
        reason: content === undefined ? 'it is missing' : 'it is not what was written',
        effect: 'every command but `verify` refuses this repository',
        remedy: `${PUT_BACK}: it holds nothing but an id and a time`,
      },
    ]);
  }

  async #checkLanes(): Promise<void> {
    const { store } = this.#options;
    const notes = new Map<string, LaneNotes>();
    // Names that are no lanes are told with the other strays.
    for await (const lane of listLanes(store, [])) notes.set(lane, await this.#readNotes(lane));
    for (const lane of laterFirst(notes)) await this.#checkLane(lane, notes.get(lane));
  }

  async #checkLane(lane: string, notes: LaneNotes | undefined): Promise<void> {
    const check = new LaneCheck(lane, notes ?? (await this.#readNotes(lane)), this.#options);
    this.#checks.set(lane, check);
    this.#current = check;
    await check.run();
  }

  async #readNotes(lane: string): Promise<LaneNotes> {
    const faults: ObjectFault[] = [];
    const notes = await readLaneNotes(this.#options.store, lane, faults);
    this.#tell(faults.map(laneNote));
    return notes;
  }

  /** What came while the lanes were gone through may be what seems to be missing. */
  async #lookAgain(): Promise<void> {
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      let isNew = false;
      for (const { lane, fromMs } of this.#coverage(byName).holes) {
        this.#options.signal.throwIfAborted();
        const check = this.#checks.get(lane);
        if (check !== undefined) isNew = (await check.runAgain(fromMs)) || isNew;
        else if (await this.#isThere(lane)) {
          await this.#checkLane(lane, undefined);
          isNew = true;
        }
      }
      if (!isNew) return;
    }
  }

  async #isThere(lane: string): Promise<boolean> {
    for await (const _ of this.#options.store.list(`lanes/${lane}`)) return true;
    return false;
  }

  /** By the listing: what is damaged is told apart. */
  #tellLanes(): void {
    const { holes, lanes, conflicts } = this.#coverage(byName);
    this.#tell(holes.map(hole));
    for (const { lane, beyond, openedAt } of lanes) {
      if (beyond === undefined) continue;
      const { firstSeq, lastSeq } = beyond;
      const reason = `records ${firstSeq} to ${lastSeq} are there, though the lane after it says that it ended before: its log was rolled back`;
      this.#tell([
        misleading(`lanes/${lane}`, { kind: 'contradiction', reason, fromMs: openedAt }),
      ]);
    }
    for (const { lane, spans, reason } of conflicts) {
      const shown = spans.map(({ firstSeq, lastSeq }) => `${firstSeq} to ${lastSeq}`).join(' and ');
      const { fromMs } = spans[0];
      this.#tell([
        misleading(`lanes/${lane}`, {
          kind: 'contradiction',
          reason: `records ${shown}: ${reason}`,
          fromMs,
        }),
      ]);
    }
  }

  /** Data without a sidecar are a lost one where they would fill a hole; at the end of a lane a commit may be under way. */
  async #tellOrphans(): Promise<void> {
    const { holes } = this.#coverage(byName);
    for (const check of this.#checks.values()) {
      for (const one of check.orphans) {
        const { object, segment } = one;
        const lost = lostOf(segment, holes);
        if (lost === undefined) await check.tellOrphan(one);
        else this.#tell([lostSidecar(formatSidecarName(segment), object, lost)]);
      }
    }
  }

  async #tellStrays(): Promise<void> {
    const { store, now, signal } = this.#options;
    for await (const name of strayNames(store)) {
      signal.throwIfAborted();
      this.#tell([strangerNote(name)]);
    }
    for await (const name of store.leftovers()) {
      signal.throwIfAborted();
      const found = await lookAtFile(join(store.root, name), now());
      if (found !== undefined) this.#tell([leftover(name, found)]);
    }
  }

  #coverage(spansOf: (check: LaneCheck) => Pick<LaneHoldings, 'objects' | 'damaged'>): Coverage {
    const lanes = new Map<string, LaneHoldings>();
    for (const [lane, check] of this.#checks) {
      lanes.set(lane, { ...check.notes, ...spansOf(check) });
    }
    return computeCoverage({ lanes });
  }

  #tell(findings: readonly Finding[]): void {
    for (const finding of findings) this.#options.report(finding);
  }
}

function byName({ listed }: LaneCheck): Pick<LaneHoldings, 'objects'> {
  return { objects: listed };
}

function withDamage({ usable, damaged }: LaneCheck): Pick<LaneHoldings, 'objects' | 'damaged'> {
  return { objects: usable, damaged };
}

/** Lanes in an order in which each comes before the one that it follows. */
function laterFirst(notes: ReadonlyMap<string, LaneNotes>): string[] {
  const depths = new Map<string, number>();
  for (const lane of notes.keys()) {
    const chain: string[] = [];
    let at: string | undefined = lane;
    while (at !== undefined && notes.has(at) && !depths.has(at) && !chain.includes(at)) {
      chain.push(at);
      at = notes.get(at)?.begin?.previous?.lane;
    }
    let depth = (at === undefined ? undefined : depths.get(at)) ?? 0;
    for (const one of chain.toReversed()) depths.set(one, (depth += 1));
  }
  return [...notes.keys()].toSorted((a, b) => (depths.get(b) ?? 0) - (depths.get(a) ?? 0));
}
