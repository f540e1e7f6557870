import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seal, unseal } from '../../archive/format/sealed-json.ts';
import { makeFolder, writeFileAtomic } from '../../runtime/durable-file.ts';
import { type Fork, parseFork } from '../../record/fork.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import { DirectoryLock } from '../../wal/directory-lock.ts';
import { fieldsOf, isNumber, isNumberOrNull } from '../../record/fields.ts';
import { parseLaneEnds } from '../../record/lane-end.ts';
import { FOLLOWING, type PromotionState, saidOf } from './drain.ts';
import type { DamagedObject } from '../repository/known-damage.ts';
import type { LanePlace, Place } from '../place.ts';

/** What a standby knows of its target. */
export interface StandbyState {
  /** Its address. */
  readonly target: string;
  /** The last topic that it was fed from; undefined: none, or a version wrote this that didn't say. */
  readonly topic: string | undefined;
  /** It has answered: something may have been sent to it. */
  readonly isReached: boolean;
  readonly isPaused: boolean;
  readonly promotion: PromotionState;
  /** What it surely contains; undefined until it was decided what it begins with. */
  readonly place: Place | undefined;
  /** When it was begun with the oldest record that there was, epoch ms; undefined: it wasn't, or a version wrote this that didn't say. */
  readonly beganOldestMs: number | undefined;
  /** Nothing that was received later was ever sent to it, epoch ms; undefined: a version wrote this that didn't say. */
  readonly sentToMs: number | undefined;
  /** What is known to be undone of the log: the target has none of it. */
  readonly forks: readonly Fork[];
  /** What of the repository that it is fed from is damaged, so that it lacks records: to be given them when that is whole. */
  readonly damaged: readonly DamagedObject[];
  /** The last start was told to follow again after a promotion, whether there had been one or not. */
  readonly wasToldAgain: boolean;
  /** Why it can't be followed on: the target has something of what a fork undid. Null: it can. */
  readonly forked: string | null;
}

const FORMAT = 1;
const FILE = 'standby.json';
/** What was received so long before the latest that a target contains may have come later. */
const LATE_MS = 60_000;

const FRESH: Omit<StandbyState, 'target'> = {
  topic: undefined,
  isReached: false,
  isPaused: false,
  promotion: FOLLOWING,
  place: undefined,
  beganOldestMs: undefined,
  sentToMs: 0,
  forks: [],
  damaged: [],
  wasToldAgain: false,
  forked: null,
};

/** The directory of a standby: what its target contains, and its dead letters. One process uses it at a time. */
export class StateDirectory {
  readonly path: string;
  /** What was named before, where nothing was ever sent: the state begins anew. */
  readonly insteadOf: Pick<StandbyState, 'target' | 'topic'> | undefined;
  readonly #lock: DirectoryLock;
  #state: StandbyState;
  #last: Promise<void> = Promise.resolve();
  /** What the next write is to change, and that write, until it begins. */
  #changes: Partial<StandbyState> = {};
  #next: Promise<void> | undefined;

  private constructor(
    path: string,
    lock: DirectoryLock,
    { state, insteadOf }: Pick<StateDirectory, 'state' | 'insteadOf'>,
  ) {
    this.path = path;
    this.insteadOf = insteadOf;
    this.#lock = lock;
    this.#state = state;
  }

  /**
   * `topic`: that is to be followed; undefined: none. Throws DATA_LOCKED, DATA_UNUSABLE; CONFIG_INVALID when it is of another target, unless
   * that `isMoved`, or of another topic. One whose target never answered begins anew with either.
   */
  static async open(
    path: string,
    target: URL,
    isMoved: boolean,
    topic?: string,
  ): Promise<StateDirectory> {
    const lock = await lockFolder(path);
    try {
      const known = await readState(join(path, FILE));
      const mistake =
        known &&
        (ofAnotherTarget(path, known, target, isMoved) ?? ofAnotherTopic(path, known, topic));
      if (mistake !== undefined && !isUnused(known)) throw mistake;
      const { isPaused = false } = known ?? {};
      const kept = mistake === undefined ? known : { isPaused };
      const state = { ...FRESH, ...kept, target: target.origin };
      return new StateDirectory(path, lock, { state, insteadOf: mistake && known });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get state(): StandbyState {
    return this.#state;
  }

  /** Durable when it resolves; a crash before leaves what was there. All that is asked for while a write is under way is written by the next. */
  async save(changes: Partial<Omit<StandbyState, 'target'>>): Promise<void> {
    this.#changes = { ...this.#changes, ...changes };
    if (this.#next === undefined) {
      this.#next = this.#saveAfter(this.#last);
      this.#last = this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#lock.release();
  }

  async #saveAfter(before: Promise<void>): Promise<void> {
    await before;
    const state = { ...this.#state, ...this.#changes };
    this.#changes = {};
    this.#next = undefined;
    await writeFileAtomic(join(this.path, FILE), seal(formatState(state)));
    this.#state = state;
  }
}

/** Whether it says nothing of its target that would not be so of any other. */
function isUnused(known: StandbyState | undefined): boolean {
  return known?.isReached === false && known.promotion.kind === 'none';
}

function ofAnotherTarget(
  path: string,
  { target: before }: StandbyState,
  { origin }: URL,
  isMoved: boolean,
): WalError | undefined {
  if (before === origin || isMoved) return undefined;
  return new WalError('CONFIG_INVALID', `${path} tells what ${before} contains, not ${origin}`, {
    hint: 'Use another --state for another target, also where the first one was named by mistake: what it was sent stays there. --moved says that it is the same OpenTSDB, under a new address.',
  });
}

/** Without Kafka a log or a repository is followed, which know their lanes themselves. */
function ofAnotherTopic(
  path: string,
  { topic: before, place }: StandbyState,
  topic: string | undefined,
): WalError | undefined {
  if (before === undefined || topic === undefined || before === topic) return undefined;
  const latestMs = place?.latestMs ?? null;
  const since = latestMs && ` and \`--begin ${formatInstant(latestMs - LATE_MS)}\``;
  return new WalError('CONFIG_INVALID', `${path} follows the topic ${before}, not ${topic}`, {
    hint: `Name ${before}: what ${topic} has would be put over what came by it. Where the proxies were moved to ${topic}, let the target contain all of ${before} first, then begin with another --state${since ?? ''}. Where ${before} was named by mistake, with another --state and an empty target.`,
  });
}

async function lockFolder(path: string): Promise<DirectoryLock> {
  try {
    await makeFolder(path);
    return await DirectoryLock.acquire(path);
  } catch (cause) {
    if (cause instanceof WalError && cause.code === 'DATA_LOCKED') {
      const hint = `Another process runs this standby: two never share a --state. ${cause.hint ?? ''}`;
      throw new WalError('DATA_LOCKED', cause.message, { cause, hint });
    }
    if (cause instanceof WalError) throw cause;
    throw new WalError('DATA_UNUSABLE', `${path} cannot be used: ${(cause as Error).message}`, {
      cause,
      hint: 'Make room there, let this user write there, or choose another --state.',
    });
  }
}

async function readState(path: string): Promise<StandbyState | undefined> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const state = parseState(content);
  if (state !== undefined) return state;
  throw new WalError(
    'DATA_UNUSABLE',
    `${path} is damaged: it cannot be told what the target contains`,
    {
      hint: 'Put it back from a copy, however old: what comes after is applied again. Or begin with another --state and an empty target.',
    },
  );
}

function formatState({ place, ...known }: StandbyState): object {
  const state = { format: FORMAT, ...known };
  if (place === undefined) return { ...state, place: null };
  const { sinceMs, latestMs, lanes } = place;
  const list = [...lanes].map(([lane, { ordinal, seq, receivedAt }]) => {
    return { lane, ordinal, seq, receivedAt };
  });
  return { ...state, place: { sinceMs, latestMs, lanes: list } };
}

function parseState(content: Buffer): StandbyState | undefined {
  const { format, target, topic, isPaused, ...rest } = unseal(content) ?? {};
  if (format !== FORMAT || typeof target !== 'string' || typeof isPaused !== 'boolean')
    return undefined;
  if (topic !== undefined && typeof topic !== 'string') return undefined;
  const { promotion: written, place } = rest;
  const promotion = parsePromotion(written);
  const forks = parseForks(rest['forks']);
  // A version that didn't say so may have sent something.
  const { beganOldestMs, sentToMs, forked = null, isReached = true, wasToldAgain = false } = rest;
  const damaged = parseDamaged(rest['damaged']);
  if (promotion === undefined || forks === undefined || damaged === undefined) return undefined;
  if (beganOldestMs !== undefined && typeof beganOldestMs !== 'number') return undefined;
  if (sentToMs !== undefined && typeof sentToMs !== 'number') return undefined;
  if (forked !== null && typeof forked !== 'string') return undefined;
  if (typeof isReached !== 'boolean' || typeof wasToldAgain !== 'boolean') return undefined;
  const known = {
    target,
    topic,
    isReached,
    isPaused,
    promotion,
    beganOldestMs,
    sentToMs,
    forks,
    damaged,
    wasToldAgain,
    forked,
  };
  if (place === null) return { ...known, place: undefined };
  const { sinceMs, latestMs, lanes } = fieldsOf(place);
  if (!isNumberOrNull(sinceMs) || !isNumberOrNull(latestMs) || !Array.isArray(lanes))
    return undefined;
  const places = new Map<string, LanePlace>();
  for (const one of lanes as readonly unknown[]) {
    const { lane, ordinal, seq, receivedAt } = fieldsOf(one);
    if (typeof lane !== 'string' || !isNumber(ordinal)) return undefined;
    if (!isNumber(seq) || !isNumber(receivedAt)) return undefined;
    places.set(lane, { ordinal, seq, receivedAt });
  }
  return { ...known, place: { sinceMs, latestMs, lanes: places } };
}

/** A state that was written before there were any has none. */
function parsePromotion(value: unknown): PromotionState | undefined {
  if (value === undefined) return FOLLOWING;
  const { kind, ends: written, after, sinceMs, fork: told, to } = fieldsOf(value);
  const ends = parseLaneEnds(written);
  const fork = told === undefined ? undefined : parseFork(told);
  if (told !== undefined && fork === undefined) return undefined;
  if (to !== undefined && typeof to !== 'string') return undefined;
  const said = saidOf(fork, to);
  switch (kind) {
    case 'none':
      return FOLLOWING;
    case 'draining':
      return ends && { kind, ends, ...(isNumber(after) && { after }), ...said };
    case 'promoted':
      return isNumber(sinceMs) ? { kind, sinceMs, ...said } : undefined;
    default:
      return undefined;
  }
}

function parseForks(value: unknown = []): readonly Fork[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const forks = value.flatMap((one) => parseFork(one) ?? []);
  return forks.length === value.length ? forks : undefined;
}

function parseDamaged(value: unknown = []): readonly DamagedObject[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const damaged = value.flatMap((one) => {
    const { object, reason } = fieldsOf(one);
    return typeof object === 'string' && typeof reason === 'string' ? [{ object, reason }] : [];
  });
  return damaged.length === value.length ? damaged : undefined;
}
