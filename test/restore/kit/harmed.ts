import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '../../../src/archive/verify/finding.ts';
import { findState } from '../../../src/restore/segments/find-state.ts';
import type { FoldInput } from '../../../src/restore/fold/points-view.ts';
import { readTrustedSegments } from '../../../src/restore/segments/trusted-segments.ts';
import { WalError } from '../../../src/runtime/errors.ts';
import { namesOf, Verifying } from '../../kit/verifying.ts';
import type { Fabricated } from './fabricated.ts';
import { asMap, Folded, sorted } from './folded.ts';
import { stateAt } from './history.ts';
import { LANES, smallRepository } from './small-repository.ts';

const REFUSALS: ReadonlySet<string> = new Set([
  'REPOSITORY_DAMAGED',
  'REPOSITORY_MISSING',
  'HOLE_IN_THE_WAY',
  'TIME_UNREACHABLE',
]);

/** A repository of which objects are damaged on purpose, and are whole again afterwards. */
export class HarmedRepository implements AsyncDisposable {
  readonly made: Fabricated;
  readonly verifying: Verifying;
  /** Every object as it was written. */
  readonly #whole: ReadonlyMap<string, Buffer>;
  /** What was folded of what: since all bytes that are read are what was written, it is the same each time. */
  readonly #answers = new Map<string, Map<string, string>>();

  private constructor(made: Fabricated, verifying: Verifying, whole: ReadonlyMap<string, Buffer>) {
    this.made = made;
    this.verifying = verifying;
    this.#whole = whole;
  }

  static async open(): Promise<HarmedRepository> {
    const verifying = await Verifying.open();
    const made = await smallRepository(verifying.duckdb);
    const whole = new Map<string, Buffer>();
    for (const name of await namesOf(made.repository.store)) {
      whole.set(name, await readFile(join(made.repository.place, name)));
    }
    return new HarmedRepository(made, verifying, whole);
  }

  names(isWanted: (name: string) => boolean = () => true): string[] {
    return [...this.#whole.keys()].filter(isWanted);
  }

  /** As it was written. */
  bytes(name: string): Buffer {
    return this.#whole.get(name) ?? Buffer.alloc(0);
  }

  /** Another object of the same kind, if there is one. */
  sibling(name: string): string | undefined {
    const all = this.names((other) => kindOf(other) === kindOf(name));
    const sibling = all[(all.indexOf(name) + 1) % all.length];
    return sibling === name ? undefined : sibling;
  }

  /** Does something while these objects are like that: `undefined` is gone. */
  async during(
    harms: Readonly<Record<string, Buffer | undefined>>,
    work: () => Promise<void>,
  ): Promise<void> {
    for (const [name, bytes] of Object.entries(harms)) {
      await mkdir(dirname(this.#pathOf(name)), { recursive: true });
      await this.#put(name, bytes);
    }
    try {
      await work();
    } finally {
      for (const name of Object.keys(harms)) await this.#put(name, this.#whole.get(name));
    }
  }

  /** Every byte is looked at; what the rows of whole objects are is not asked each time. */
  async findings(): Promise<readonly Finding[]> {
    return (await this.verified()).findings;
  }

  async verified(): ReturnType<Verifying['run']> {
    const contents = { read: () => Promise.resolve(new Map()) };
    return this.verifying.run(this.made.repository.store, { contents });
  }

  /**
   * What is wrong with a restore while these objects are harmed, told by their names; empty when it gives the true state, or
   * refuses with the name of one of them. `goneLane`: nothing tells of it any more, nor of what it says of refusals.
   */
  async dishonesty(
    harmed: readonly string[],
    asOfMs: number,
    goneLane?: string,
  ): Promise<string[]> {
    try {
      const { input, isLost } = await this.#plan(asOfMs);
      const read = new Set([...input.files.map(({ path }) => path), ...input.outcomeFiles]);
      const taken = harmed.filter((name) => read.has(this.#pathOf(name)));
      if (taken.length > 0) return taken.map((name) => `it reads ${name}`);
      const isUnknown: typeof isLost = (lane, seq) => lane === goneLane || isLost(lane, seq);
      const isTrue = isDeepStrictEqual(await this.#fold(input), expectedAt(asOfMs, isUnknown));
      return isTrue ? [] : [`of ${harmed.join(', ')}: another state at ${asOfMs}`];
    } catch (error) {
      if (!(error instanceof WalError) || !REFUSALS.has(error.code)) throw error;
      const told = JSON.stringify([error.message, error.hint, error.context]);
      return isNamed(error.code, told, harmed) ? [] : [`${harmed.join(', ')}: ${told}`];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.made[Symbol.asyncDispose]();
    await this.verifying[Symbol.asyncDispose]();
  }

  async #plan(asOfMs: number): Promise<{
    readonly input: FoldInput;
    /** Whether the plan says that a later record is missing. */
    readonly isLost: (lane: string, seq: number) => boolean;
  }> {
    const to = { kind: 'at', ms: asOfMs } as const;
    const { place } = this.made.repository;
    const request = { repository: place, data: undefined, to, allowHoles: false };
    const { sources, ...found } = await findState(request, 0);
    const { input, selection } = await readTrustedSegments({
      ...found,
      store: sources.store,
      allowHoles: false,
      isOnlyConfirmed: false,
      onChecked: () => undefined,
    });
    const isLost = (lane: string, seq: number): boolean =>
      selection.laterHoles.some(
        (hole) => hole.lane === lane && hole.firstSeq <= seq && seq <= (hole.lastSeq ?? Infinity),
      );
    return { input, isLost };
  }

  async #fold(input: FoldInput): Promise<Map<string, string>> {
    const key = JSON.stringify([input, [...input.unconfirmed]]);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    await using fold = await Folded.of(input, this.made.scratch);
    const answer = asMap(await fold.lines());
    this.#answers.set(key, answer);
    return answer;
  }

  async #put(name: string, bytes: Buffer | undefined): Promise<void> {
    const path = this.#pathOf(name);
    await (bytes === undefined ? rm(path) : writeFile(path, bytes));
  }

  #pathOf(name: string): string {
    return join(this.made.repository.place, name);
  }
}

export function laneOf(name: string): string {
  return name.split('/')[1] ?? name;
}

/** What stands for an object in what is told of it: its name without the end, which its sidecar and its data share. */
export function traceOf(name: string): string {
  return name.replace(/\.json$|\.\w{8}\.parquet$/, '');
}

function kindOf(name: string): string {
  return name.replaceAll(/[0-9a-f]{8,}/g, '');
}

function isNamed(code: string, told: string, harmed: readonly string[]): boolean {
  if (code === 'HOLE_IN_THE_WAY') return harmed.some((name) => told.includes(laneOf(name)));
  // A time that is not reached may be for want of what nothing tells of.
  if (code === 'TIME_UNREACHABLE' && !harmed.some((name) => name.endsWith('/begin.json'))) {
    return true;
  }
  return harmed.some((name) => told.includes(traceOf(name)));
}

/** `isLost`: what such a record says of refusals can't be known. */
function expectedAt(
  asOfMs: number,
  isLost: (lane: string, seq: number) => boolean,
): Map<string, string> {
  const lanes = LANES.map(({ lane, records }) => ({
    lane,
    records: records.map((record, index) =>
      isLost(lane, index + 1) ? { ...record, lines: [] } : record,
    ),
  }));
  const state = [...stateAt(lanes, asOfMs)];
  return new Map(state.map(([key, { line, transport }]) => [key, `${transport} ${sorted(line)}`]));
}
