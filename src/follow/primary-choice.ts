import { dirname, join } from 'node:path';
import type { Fork, Undone } from '../record/fork.ts';
import type { LatestTerm } from '../record/latest-term.ts';
import type { Position } from '../record/position.ts';
import { countsSince, type Term } from '../record/term.ts';
import { Cursor } from '../wal/cursor.ts';
import type { DurableLog } from '../wal/log-reader.ts';
import { removeChecked, writeChecked } from '../runtime/checked-json.ts';
import {
  type Choice,
  CHOICE_FILE,
  held,
  type Misnamed,
  misnamedIn,
  type PrimaryHold,
  readMeant,
  settled,
  switched,
} from './choice.ts';
import { leaveBySwitch } from './former-primary.ts';
import { KnownForks } from './known-forks.ts';
import { PrimaryTerm } from './primary-term.ts';

/** What a switch begins. */
export interface NewTerm {
  /** Orders it among all that other proxies may say: when the standby that fed it had come to its end, epoch ms. */
  readonly since: number;
  /** What it is to get nothing of. */
  readonly fork?: Fork | undefined;
}

export interface FoundChoice {
  /** The origin of the one that would be the primary. */
  readonly primary: string;
  readonly misnamed: Misnamed | undefined;
  readonly term: Term | undefined;
  readonly heard: LatestTerm;
  /** Nothing of the log is known to be stored by it. */
  readonly isFresh: boolean;
}

/**
 * Which OpenTSDB is the primary, and whether it is held, over restarts: `primary-choice.json` of the data directory. There is
 * none while the configuration says it all.
 *
 * A switch is durable with one write of the file, which also names where the new primary's feed begins. Then the cursor is moved
 * there, then the file says that it was. A crash before the first: held, as before. Between: the next start moves the cursor before
 * anything is sent. So the new primary is never fed from the place of the old one, nor the old one from the place of the new one.
 * What is undone by the switch is decided by the same write, and kept apart before the cursor is moved, as it counts for good; the file
 * has it until the log has it, too, and nothing is sent before.
 */
export class PrimaryChoice {
  readonly #path: string;
  readonly #configured: string;
  readonly #cursor: Cursor;
  readonly #forks: KnownForks;
  readonly #terms: PrimaryTerm;
  #choice: Choice | undefined;

  private constructor(
    path: string,
    configured: string,
    {
      cursor,
      forks,
      terms,
      choice,
    }: {
      readonly cursor: Cursor;
      readonly forks: KnownForks;
      readonly terms: PrimaryTerm;
      readonly choice: Choice | undefined;
    },
  ) {
    this.#path = path;
    this.#configured = configured;
    this.#cursor = cursor;
    this.#forks = forks;
    this.#terms = terms;
    this.#choice = choice;
  }

  /** `primary`: as the configuration names it. Throws DATA_UNUSABLE; CONFIG_INVALID when that is neither the old one nor the new. */
  static async open(
    dataDirectory: string,
    primary: string,
    cursor: Cursor,
  ): Promise<PrimaryChoice> {
    const path = join(dataDirectory, CHOICE_FILE);
    const configured = new URL(primary).origin;
    const choice = await readMeant(path, configured);
    const forks = await KnownForks.open(dataDirectory);
    const terms = await PrimaryTerm.open(dataDirectory);
    const opened = new PrimaryChoice(path, configured, { cursor, forks, terms, choice });
    if (choice !== undefined) await opened.#settle(choice);
    return opened;
  }

  /** What a start with this configuration would find. Changes nothing; throws as `open` does. */
  static async look(dataDirectory: string, primary: string): Promise<FoundChoice> {
    const configured = new URL(primary).origin;
    const choice = await readMeant(join(dataDirectory, CHOICE_FILE), configured);
    const terms = await PrimaryTerm.open(dataDirectory);
    const origin = choice?.primary ?? configured;
    // Opening makes its folder.
    const isThere = await Cursor.isThere(dataDirectory, 'primary');
    const cursor = isThere ? await Cursor.open(dataDirectory, 'primary') : undefined;
    return {
      primary: origin,
      misnamed: misnamedIn(choice, configured),
      term: choice?.term ?? terms.of(origin),
      heard: terms.heard,
      isFresh: (choice?.begin ?? cursor?.position ?? null) === null,
    };
  }

  get url(): URL {
    return new URL(this.#choice?.primary ?? this.#configured);
  }

  /** Since when it is the primary; undefined: by no word that is known. */
  get term(): Term | undefined {
    return this.#choice?.term ?? this.#terms.of(this.url.origin);
  }

  /** What other proxies said of theirs, ever, which `saveHeard` makes durable, and this one of its own. */
  get heard(): LatestTerm {
    return this.#terms.heard;
  }

  /** What others are told: that, where it is later. */
  get said(): Term | undefined {
    const { term, heard } = this;
    const { any: latest } = heard;
    return latest === undefined || countsSince(term, latest.since) ? term : latest;
  }

  /** Nothing of the log is known to be stored by the primary. */
  get isFresh(): boolean {
    return this.#cursor.position === undefined;
  }

  get hold(): PrimaryHold | undefined {
    return this.#choice?.hold ?? undefined;
  }

  /** By which something was undone since this directory is there. */
  get forks(): readonly Fork[] {
    return this.#forks.all;
  }

  /** What the primary gets nothing of, though the log has it. */
  get undone(): Undone {
    return this.#forks.undone;
  }

  /** What the log has to be told before anything is sent to the primary. */
  get fork(): Fork | undefined {
    return this.#choice?.fork ?? undefined;
  }

  /** Where the configuration names another one than the primary. */
  get misnamed(): Misnamed | undefined {
    return misnamedIn(this.#choice, this.#configured);
  }

  /** Durable when it resolves. */
  async holdAt(hold: PrimaryHold): Promise<void> {
    await this.#save(held(this.#choice, this.#configured, hold));
  }

  /** It is the primary since then. Durable when it resolves. */
  async take(term: Term): Promise<void> {
    await this.#terms.take(term);
  }

  /** Durable when it resolves. */
  async saveHeard(): Promise<void> {
    await this.#terms.save();
  }

  /**
   * What is held is the primary no more, and `to` is, from after `begin` on, without what `fork` undoes. Durable when it resolves; `told` is
   * to follow where there is a fork.
   */
  async switchTo(to: URL, begin: Position, { since, fork }: NewTerm): Promise<void> {
    const term = { since, primary: to.origin };
    const decided = { to: to.origin, begin, fork: fork ?? null, term };
    const choice = switched(this.#choice, this.#configured, decided);
    await this.#save(choice);
    await this.#settle(choice);
  }

  /** Whether the last switch could not be carried to its end: nothing may be sent before `release` has. */
  get isOpen(): boolean {
    return (
      this.#choice !== undefined && (this.#choice.begin !== null || this.#choice.fork !== null)
    );
  }

  /** Ends a switch, but for what the log has to be told. Durable when it resolves. */
  async settle(): Promise<void> {
    if (this.#choice !== undefined) await this.#settle(this.#choice);
  }

  /** What is undone has still to be read from the log, by `recallForks`: before anything is sent, and before a switch or its end. */
  get lacksForks(): boolean {
    return this.#forks.isMissing;
  }

  /**
   * Reads from the log what is undone after the primary's place, where the file that keeps that is missing, and writes it. Rejects, with
   * nothing changed, when that fails or the signal aborts.
   */
  async recallForks(log: DurableLog, signal: AbortSignal): Promise<readonly Fork[]> {
    return this.#forks.recall(log, this.#cursor.position, signal);
  }

  /** What was undone by promotions that a time lies within, epoch ms: as of an earlier one, and told later. */
  undoneAround(ms: number): readonly Fork[] {
    return this.#forks.around(ms);
  }

  /** The log has the fork by then, epoch ms. Durable when it resolves. */
  async told(ms: number): Promise<void> {
    if (this.fork !== undefined) await this.#forks.told(this.fork.id, ms);
    if (this.#choice !== undefined) await this.#settle({ ...this.#choice, fork: null });
  }

  /** Durable when it resolves. */
  async release(): Promise<void> {
    if (this.#choice !== undefined) await this.#settle({ ...this.#choice, hold: null });
  }

  async #settle(choice: Choice): Promise<void> {
    if (choice.fork !== null) await this.#forks.add(choice.fork);
    if (choice.term !== null) await this.#terms.take(choice.term);
    if (choice.begin !== null) {
      const { primary, fork } = choice;
      const left = { cursor: this.#cursor, isFork: fork !== null };
      await leaveBySwitch(dirname(this.#path), primary, left);
      this.#cursor.belongTo(primary);
      await this.#cursor.move(choice.begin);
    }
    const rest = settled(choice, this.#configured);
    if (rest !== undefined) return this.#save(rest);
    await removeChecked(this.#path);
    this.#choice = undefined;
  }

  async #save(choice: Choice): Promise<void> {
    await writeChecked(this.#path, choice);
    this.#choice = choice;
  }
}
