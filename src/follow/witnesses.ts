import { join } from 'node:path';
import { instantOf } from '../opentsdb/put-instant.ts';
import { parsePutLine } from '../opentsdb/put-line.ts';
import type { QueryReply, RawQuery } from '../opentsdb/query-client.ts';
import { hourOf } from '../opentsdb/row-hour.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { readChecked, writeChecked } from '../runtime/checked-json.ts';
import type { Clock } from '../runtime/clock.ts';
import { isThere } from '../runtime/is-there.ts';
import type { CanaryPoint } from './prove/canary.ts';

/** A point that the primary had proven to store, and then showed to a query. */
export interface Witness {
  /** As the log has it. */
  readonly line: string;
  /** Epoch ms. */
  readonly shownMs: number;
}

interface Known {
  /** Its origin. */
  readonly primary: string;
  readonly points: readonly Witness[];
  /** Since when none of them is there any more, epoch ms. */
  readonly lackingSinceMs: number | null;
}

export interface WitnessesOptions {
  readonly data: string;
  readonly clock: Clock;
  /** The origin of the primary. */
  readonly primary: () => string;
  /** Whether it is fed, and answers. */
  readonly isUp: () => boolean;
  /** Points that were last proven to be stored, and may be put again as canaries. */
  readonly proven: () => readonly Pick<CanaryPoint, 'line' | 'position'>[];
  /** Nothing up to here is sent again. */
  readonly confirmed: () => Position | undefined;
  readonly ask: (query: RawQuery) => Promise<QueryReply>;
  readonly events: {
    lacks(witness: Witness): void;
    /** It has it again, or others are known. */
    lacksNoMore(): void;
  };
}

type Verdict = 'there' | 'absent' | 'unknown';

export const PRIMARY_WITNESS = 'primary-witness.json';

const LIMITS = {
  paceMs: 1_000,
  /** What is picked is asked for so much later, and others are picked so long after that. */
  pickedMs: 30_000,
  renewMs: 600_000,
  /** What is absent is looked for again so much later; so is what isn't known, and what is lacking. */
  secondLookMs: 5_000,
  unknownMs: 30_000,
  lackingMs: 60_000,
  /** Of older ones nobody can say that tables were to keep them. */
  ageMsMax: 86_400_000,
} as const;

/**
 * Whether the primary still has what it had. It answers as ever when its tables were made anew at the same address, and all that was confirmed
 * before would be missing with nobody told.
 *
 * Now and then a point that was proven to be stored, and that nothing puts again, is asked for: one that is shown is a witness. Whenever the
 * primary was reached anew the witnesses are asked for, twice before it is told that they are absent; no other takes their place before.
 * That a witness was shown before is what makes this sure: where queries are refused, or show less than was put, there is none. An error, or
 * no answer, tells nothing. Kept in DATA/primary-witness.json over restarts; somebody who removes that says that it is meant.
 */
export class Witnesses {
  readonly #options: WitnessesOptions;
  readonly #path: string;
  #known: Known | undefined;
  /** Proven, but perhaps not confirmed, when the last ones were looked for. */
  #picked: readonly Pick<CanaryPoint, 'line' | 'position'>[] = [];
  /** The primary was reached since its witnesses were last found to be there. */
  #isDue = true;
  #nextMs = 0;

  constructor(options: WitnessesOptions) {
    this.#options = options;
    this.#path = join(options.data, PRIMARY_WITNESS);
  }

  /** What the primary lacks, though it had shown it; undefined: nothing is known to be lacking. */
  get lacking(): (Witness & { readonly sinceMs: number }) | undefined {
    const { primary, points, lackingSinceMs: sinceMs } = this.#known ?? {};
    const witness = points?.at(-1);
    if (primary !== this.#options.primary() || witness === undefined) return undefined;
    return typeof sinceMs === 'number' ? { ...witness, sinceMs } : undefined;
  }

  /** The primary was reached: it may be another process, on other tables. */
  reached(): void {
    this.#isDue = true;
    this.#nextMs = 0;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, isUp, events } = this.#options;
    // What can't be read tells nothing.
    const read = await readChecked(this.#path).catch(() => 'damaged');
    if (typeof read !== 'string') this.#known = read as unknown as Known;
    if (this.lacking !== undefined) events.lacks(this.lacking);
    while (!signal.aborted) {
      await clock.sleep(LIMITS.paceMs, signal);
      if (signal.aborted) return;
      if (this.lacking !== undefined && !(await isThere(this.#path))) this.#forget();
      if (!isUp() || clock.monotonicMs() < this.#nextMs) continue;
      this.#nextMs = Infinity;
      const waitMs = await this.#look(signal);
      // It may have been reached meanwhile.
      if (this.#nextMs === Infinity) this.#nextMs = clock.monotonicMs() + waitMs;
    }
  }

  /** Resolves to when it is to be done again, in ms. */
  async #look(signal: AbortSignal): Promise<number> {
    const { primary } = this.#options;
    if (this.#known !== undefined && this.#known.primary !== primary()) this.#forget();
    if (this.#isDue) {
      this.#isDue = false;
      const verdict = await this.#judge(signal);
      if (verdict !== 'there') this.#isDue = true;
      if (verdict === 'unknown') return LIMITS.unknownMs;
      if (verdict === 'absent') {
        await this.#lacks();
        return LIMITS.lackingMs;
      }
      await this.#lacksNoMore();
      // Reached anew meanwhile: what is shown by now tells nothing of what was there.
      if (this.#isDue) return 0;
    }
    return this.#renew();
  }

  async #judge(signal: AbortSignal): Promise<Verdict> {
    const asked = this.#telling();
    if (asked.length === 0) return this.lacking === undefined ? 'there' : 'unknown';
    const first = await this.#askFor(asked);
    if (first !== 'absent') return first;
    await this.#options.clock.sleep(LIMITS.secondLookMs, signal);
    return signal.aborted ? 'unknown' : this.#askFor(asked);
  }

  /** Witnesses that can tell; those that may have been put again only where there are no others. */
  #telling(): readonly Witness[] {
    const { clock, proven } = this.#options;
    const { points = [] } = this.#known ?? {};
    const again = new Set(proven().map(({ line }) => line));
    const sure = points.filter(({ line }) => !again.has(line));
    if (this.lacking !== undefined) return sure;
    const now = clock.now();
    const isYoung = ({ shownMs }: Witness): boolean => now - shownMs < LIMITS.ageMsMax;
    const young = sure.filter(isYoung);
    return young.length > 0 ? young : points.filter(isYoung);
  }

  async #askFor(points: readonly Witness[]): Promise<Verdict> {
    const verdicts: Verdict[] = [];
    for (const { line } of points) verdicts.push(await this.#isShown(line));
    if (verdicts.includes('there')) return 'there';
    return verdicts.includes('unknown') ? 'unknown' : 'absent';
  }

  async #isShown(line: string): Promise<Verdict> {
    const { metric, timestamp, tags } = parsePutLine(line);
    const ms = instantOf(Number(timestamp));
    const series = [tagsOf(tags)];
    const reply = await this.#options.ask({ fromMs: ms, toMs: ms, metric, series });
    switch (reply.kind) {
      case 'series':
        return reply.series.some(({ cells }) => cells.some(([time]) => Number(time) === ms))
          ? 'there'
          : 'absent';
      case 'unknown name':
        return 'absent';
      case 'refused':
      case 'unanswered':
        return 'unknown';
    }
  }

  /** Only hours that last are looked at: a query makes OpenTSDB compact those that are over. */
  async #renew(): Promise<number> {
    const { clock, primary, proven, confirmed } = this.#options;
    const picked = this.#picked;
    this.#picked = picked.length === 0 ? proven() : [];
    if (picked.length === 0) return LIMITS.pickedMs;
    const passed = confirmed();
    const shownMs = clock.now();
    const points: Witness[] = [];
    for (const { line, position } of picked) {
      if (passed === undefined || comparePositions(position, passed) > 0) continue;
      const { timestamp } = parsePutLine(line);
      if (hourOf(instantOf(Number(timestamp))) !== hourOf(shownMs)) continue;
      if ((await this.#isShown(line)) === 'there') points.push({ line, shownMs });
    }
    // Where it was reached meanwhile, these may be all that it has.
    if (points.length > 0 && !this.#isDue) {
      await this.#save({ primary: primary(), points, lackingSinceMs: null });
    }
    return LIMITS.renewMs;
  }

  async #lacks(): Promise<void> {
    const { clock, events } = this.#options;
    if (this.#known === undefined || this.lacking !== undefined) return;
    await this.#save({ ...this.#known, lackingSinceMs: clock.now() });
    if (this.lacking !== undefined) events.lacks(this.lacking);
  }

  async #lacksNoMore(): Promise<void> {
    if (this.#known === undefined || this.lacking === undefined) return;
    await this.#save({ ...this.#known, lackingSinceMs: null });
    this.#options.events.lacksNoMore();
  }

  /** What can't be written down is known to this process. */
  async #save(known: Known): Promise<void> {
    this.#known = known;
    await writeChecked(this.#path, known).catch(() => undefined);
  }

  #forget(): void {
    const wasLacking = typeof this.#known?.lackingSinceMs === 'number';
    this.#known = undefined;
    this.#picked = [];
    if (wasLacking) this.#options.events.lacksNoMore();
  }
}

/** A value that is null in JSON is the word `null` to OpenTSDB. */
function tagsOf(tags: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, String(value)]));
}
