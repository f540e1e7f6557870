import type { Fork } from '../../../src/record/fork.ts';
import { forksIn } from '../../../src/record/lane-control.ts';
import type { Position } from '../../../src/record/position.ts';
import { readLines, readRecords } from '../../../src/record/record.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Arrivals } from '../../../src/standby/arrivals/arrivals.ts';
import { Gate } from '../../../src/standby/arrivals/gate.ts';
import { beginningAt, lacking, type Place } from '../../../src/standby/place.ts';
import type { SeenLane } from '../../../src/standby/source/seen-lanes.ts';
import type { SourceRead, StandbySource } from '../../../src/standby/source/standby-source.ts';

/** Gives frames in their order; `agains` says before which of them all since another one is given again. */
export class ListSource implements StandbySource {
  readonly #reads: readonly SourceRead[];
  #next = 0;
  /** Told once, however often it is read from there on. */
  readonly #again = new Set<SourceRead>();
  #place: Place = beginningAt(null);
  unread = 0;
  heldSinceMs = undefined;
  readonly lanes = new Map<string, SeenLane>();
  /** What comes late isn't there yet. */
  isLateAway = false;

  constructor(reads: readonly SourceRead[]) {
    this.#reads = reads;
  }

  isPrimary(): boolean {
    return false;
  }

  completeToMs(): number {
    const rest = this.#reads.slice(this.#next);
    return Math.min(
      ...rest.map((read) => (read.kind === 'frame' ? read.frame.firstReceivedAt - 1 : Infinity)),
    );
  }

  async next(): Promise<SourceRead | undefined> {
    for (;;) {
      const read = this.#reads[this.#next];
      if (read === undefined || (read.kind === 'again' && this.isLateAway)) return undefined;
      this.#next += 1;
      if (read.kind === 'again') {
        if (this.#again.has(read)) continue;
        this.#again.add(read);
        this.#place = read.place;
      }
      if (read.kind !== 'frame') return read;
      const frame = lacking(read.frame, this.#place);
      if (frame !== undefined) return { kind: 'frame', frame };
    }
  }

  forksAhead(): Promise<readonly Fork[]> {
    const rest = this.#reads.slice(this.#next);
    return Promise.resolve(
      rest.flatMap((read) => (read.kind === 'frame' ? forksIn(read.frame) : [])),
    );
  }

  isSaidBy(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async seek(place: Place): Promise<void> {
    this.#place = place;
    this.#next = 0;
  }

  async close(): Promise<void> {}
}

export interface Seen {
  readonly position: Position;
  readonly name: string;
}

/** Reads as the delivery does: now and then it goes back to something that it has read, or confirms it. */
export async function readThrough(
  arrivals: Arrivals,
  choices: readonly number[],
  start = arrivals.end,
): Promise<{ readonly seen: Seen[]; readonly places: (readonly [Position, Place])[] }> {
  const seen: Seen[] = [];
  const places: (readonly [Position, Place])[] = [];
  let place = start;
  let confirmed = 0;
  for (let step = 0, idle = 0; idle < 30; step += 1) {
    const choice = choices[step] ?? 10;
    if (choice === 0 && seen.length > confirmed) {
      const back = confirmed + ((step * 7) % (seen.length - confirmed + 1));
      seen.length = back;
      place = seen.at(-1)?.position ?? start;
    } else if (choice === 1 && seen.length > confirmed) {
      confirmed += 1 + ((step * 5) % (seen.length - confirmed));
      const { position = start } = seen[confirmed - 1] ?? {};
      places.push([position, arrivals.confirm(position)]);
    }
    const read = await arrivals.next(place);
    if (read?.kind !== 'frame') {
      idle += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    idle = 0;
    const { ordinal, lane } = read;
    let seq = read.firstSeq;
    for (const record of readRecords(read.body)) {
      const passed = place.ordinal === ordinal ? place.seq : 0;
      if (seq > passed) {
        const position = { lane, ordinal, seq };
        seen.push({ position, name: [...readLines(read.body, record)].join() });
        place = position;
        // Not always all of it, as a chunk that is full.
        if (choice === 2) break;
      }
      seq += 1;
    }
  }
  return { seen, places };
}

export function arrivalsOf(
  source: StandbySource,
  stopAtMs = Infinity,
  gate = new Gate({ delayMs: 0, stopAtMs, isPaused: false }),
): Arrivals {
  return new Arrivals({
    source,
    clock: systemClock,
    gate,
    place: beginningAt(null),
    sentToMs: 0,
    forks: [],
    limits: { aheadBytesMax: 200, recentBytesMax: 100, arrivalsMax: 1_000 },
    events: {
      sending: () => Promise.resolve(),
      forked: () => undefined,
      released: () => undefined,
      looked: () => undefined,
      again: () => undefined,
      missing: () => undefined,
      trouble: () => undefined,
      taken: () => undefined,
    },
  });
}
