import { tellMisnamed } from '../follow/choice.ts';
import type { PrimaryChoice } from '../follow/primary-choice.ts';
import type { Primary } from '../follow/primary.ts';
import type { LaneEnd } from '../record/lane-end.ts';
import { formatPosition } from '../record/position.ts';
import { countsSince, type Term } from '../record/term.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';
import { laneEnds } from '../wal/lane-ends.ts';
import type { Wal } from '../wal/log.ts';
import { type Fence, type Fenced, tellFenced } from './fence.ts';
import type { ForkTelling } from './fork-telling.ts';
import { beginOf, type Successor } from './switch-begin.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';

export interface PrimarySwitchOptions {
  readonly wal: Wal;
  readonly choice: PrimaryChoice;
  readonly primary: Primary;
  readonly telling: ForkTelling;
  /** Undefined without Kafka: then no other proxy can say anything. */
  readonly fence: Fence | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The primary's place has moved. */
  readonly moved: () => void;
}

const RETRY_MS = 1_000;

export const UNTOLD = 'the log, and Kafka, are told first what is undone';
const UNREAD = 'forks.json is missing: the log is read first for what is undone';
const UNSEEN = 'the topic is looked at first: other proxies may feed another one since a promotion';
const HELD = 'it is held, so that another can take its place: writes are kept for that one';

/** Why a start does not feed the primary at once; undefined: it does. `isShared`: other proxies may have one. */
export function heldFor(
  choice: PrimaryChoice,
  wal: Pick<Wal, 'recovered'>,
  isShared: boolean,
): string | undefined {
  const { hold, fork } = choice;
  if (hold !== undefined) return HELD;
  if (isUnread(choice, wal)) return UNREAD;
  if (fork !== undefined) return UNTOLD;
  return isShared ? UNSEEN : undefined;
}

/** A log that is new undoes nothing. */
function isUnread({ lacksForks }: PrimaryChoice, { recovered }: Pick<Wal, 'recovered'>): boolean {
  return lacksForks && recovered.end !== undefined;
}

/**
 * The steps by which another OpenTSDB becomes the primary, one at a time: hold, then switch, or release. Each is durable, and changes nothing
 * when it was made before.
 *
 * A switch is decided by one write of the choice. What is left to do then, so that the primary is fed, is to move the cursor, and to tell the
 * log, and Kafka, what is undone. It is tried until it is done, by this process or the next; so is a release, and, where `forks.json` is missing,
 * to read from the log what is undone, before any of that.
 *
 * What others were given since then, which this proxy was not part of, keeps the primary from being fed, too: a start looks for that
 * before, and it is heard at any time. That is judged anew whenever more is known, and only what was heard is kept.
 */
export class PrimarySwitch {
  readonly #options: PrimarySwitchOptions;
  readonly #queue = new SerialQueue();
  /** Aborts when nothing is tried again any more. */
  #signal = new AbortController().signal;
  #isFinishing = false;
  #recalling: Promise<void> | undefined;

  constructor(options: PrimarySwitchOptions) {
    this.#options = options;
  }

  /** Up to where something may have been sent to what is held; of what is fed, all there is. */
  get ends(): readonly LaneEnd[] {
    const { choice, wal } = this.#options;
    const { until = wal.durable, sinceMs = wal.now() } = choice.hold ?? {};
    return laneEnds(wal.segments, until, sinceMs);
  }

  /** What is to be changed where the configuration does not name the primary, for people. */
  get misnamed(): string | undefined {
    const { misnamed } = this.#options.choice;
    return misnamed && tellMisnamed(misnamed);
  }

  /** Carries to its end, until the signal aborts, what has to be done before the primary is fed. */
  start(signal: AbortSignal): void {
    const { choice, wal, logger } = this.#options;
    if (this.misnamed !== undefined) logger.warn(this.misnamed);
    if (choice.hold !== undefined) logger.warn({ primary: choice.url.origin }, HELD);
    else if (isUnread(choice, wal)) logger.info(UNREAD);
    this.#signal = signal;
    void this.#finish();
  }

  /** Nothing goes to the primary from now on, nor is anything under way. Rejects, and goes on as before, when that can't be written down. */
  async hold(): Promise<void> {
    await this.#queue.run(async () => {
      const { choice, primary, wal, logger } = this.#options;
      if (choice.hold !== undefined) return;
      await primary.hold(HELD);
      try {
        await choice.holdAt({ sinceMs: wal.now(), until: wal.durable });
      } catch (error) {
        // While something has to be done first, only its end may feed the primary.
        if (choice.isOpen || choice.lacksForks) void this.#finish();
        else await this.#feed();
        throw error;
      }
      logger.warn({ primary: choice.url.origin, until: formatPosition(wal.durable) }, HELD);
    });
  }

  /** What another proxy says of its primary. */
  hear(term: Term): void {
    const { choice, logger } = this.#options;
    if (!choice.heard.note(term)) return;
    const failed = ({ message }: Error): void =>
      logger.error({ error: message }, 'what other proxies say of the primary cannot be kept');
    choice.saveHeard().catch(failed);
    this.#queue.run(async () => this.#judge()).catch(failed);
  }

  /**
   * What this proxy feeds, or would, counts, as its operator says: `same` as what others feed, by another name or since it is known to have
   * what that has of this log; or `next`, in its place. It is fed from where it stands.
   */
  async claim(as: 'same' | 'next'): Promise<void> {
    await this.#queue.run(async () => {
      const { choice, clock } = this.#options;
      const { origin: primary } = choice.url;
      const { any: latest } = choice.heard;
      if (latest === undefined || countsSince(choice.term, latest.since)) return;
      const isNew = as === 'next' && !choice.heard.has(primary);
      // Of two that don't know of each other the later one counts.
      const since = isNew ? Math.max(latest.since + 1, clock.now()) : latest.since;
      await choice.take({ since, primary });
      await this.#judge();
    });
  }

  /**
   * What is held is given up, and `to` is fed with what it lacks; without what its fork undoes, once the log, and Kafka, have been told of
   * that. What is left to do once it is decided is tried until it is done.
   */
  async switchTo(to: URL, successor: Successor): Promise<void> {
    await this.#queue.run(async () => {
      const { choice, primary, telling, wal, logger, fence, moved } = this.#options;
      const before = choice.url.origin;
      const { fork, since } = successor;
      // It was switched before; held since, it has no better place than its own.
      if (before === to.origin && countsSince(choice.term, since))
        return choice.hold === undefined ? void this.#finish() : this.#goOn();
      if (choice.hold === undefined) throw notHeld(before);
      const { any: latest } = choice.heard;
      if (latest !== undefined && latest.since > since) throw superseded(to, latest);
      await this.recall();
      // One that an earlier switch left, and that this one would put out of mind. It may take a while, in which the log can drop what begins there.
      if (choice.fork !== undefined) await telling.tell(choice.fork);
      const begin = await beginOf(wal, this.ends, successor);
      try {
        await choice.switchTo(to, begin, successor);
        await this.#carryOn();
      } catch (error) {
        // Until it is decided it is held.
        if (choice.hold !== undefined) throw error;
        const { message } = error as Error;
        logger.error({ primary: to.origin, error: message }, UNFINISHED);
        if (choice.fork !== undefined) await primary.hold(UNTOLD);
        // What kept the one before from being fed is over.
        await fence?.judge();
        void this.#finish();
      }
      moved();
      logger.warn(
        { before, primary: to.origin, after: formatPosition(begin), fork },
        'the primary is another one now',
      );
      if (this.misnamed !== undefined) logger.warn(this.misnamed);
    });
  }

  /** What is held is fed again, from where it stood. */
  async release(): Promise<void> {
    await this.#queue.run(async () => this.#goOn());
  }

  /** What the log undoes is known when it resolves, though `forks.json` was missing. Rejects when it can't be read, or written down. */
  recall(): Promise<void> {
    this.#recalling ??= this.#recall().finally(() => (this.#recalling = undefined));
    return this.#recalling;
  }

  /** Settles once nothing is read or written for that any more; call it when the signal has aborted. */
  async stopped(): Promise<void> {
    await this.#recalling?.catch(() => undefined);
  }

  async #recall(): Promise<void> {
    const { choice, wal, logger } = this.#options;
    for (const { id: fork } of await choice.recallForks(wal, this.#signal)) {
      logger.warn({ fork }, RECALLED);
    }
  }

  /** Ends a hold, and a switch that could not be carried to its end; a start comes here, too, where others may have been given another one. */
  async #goOn(): Promise<void> {
    const { choice, fence, logger } = this.#options;
    if (choice.hold === undefined && !this.#isUnfinished) return;
    const isStart = choice.hold === undefined && !choice.isOpen && !choice.lacksForks;
    await this.#carryOn();
    if (!isStart && fence?.fenced === undefined)
      logger.warn({ primary: choice.url.origin }, 'the primary is fed again');
  }

  async #carryOn(): Promise<void> {
    const { choice, telling } = this.#options;
    await this.recall();
    await choice.settle();
    if (choice.fork !== undefined) await telling.tell(choice.fork);
    await choice.release();
    await this.#feed();
  }

  /** Feeds the primary, unless others were given one since. */
  async #feed(): Promise<void> {
    const { choice, primary, fence } = this.#options;
    await fence?.lookFirst(this.#signal);
    await fence?.judge();
    if (fence?.fenced === undefined) primary.goOn(choice.url);
    else await this.#keepBack(fence.fenced);
  }

  /** More was heard, or said, while it is fed, or is kept back. Whatever else keeps it comes here at its end. */
  async #judge(): Promise<void> {
    const { choice, fence, primary, logger } = this.#options;
    const isReady = choice.hold === undefined && !choice.isOpen && !choice.lacksForks;
    const wasFenced = fence?.fenced !== undefined;
    if (fence === undefined || !isReady || (primary.isHeld && !wasFenced)) return;
    // What is heard alone may have been followed by more.
    if (!wasFenced) await fence.look(this.#signal);
    if (!(await fence.judge())) return;
    if (fence.fenced !== undefined) return this.#keepBack(fence.fenced);
    primary.goOn(choice.url);
    logger.warn({ primary: choice.url.origin }, 'the primary is fed again');
  }

  async #keepBack({ by }: Fenced): Promise<void> {
    const { choice, primary, logger } = this.#options;
    const reason = tellFenced(choice.url.origin, by);
    await primary.hold(reason);
    logger.warn({ primary: choice.url.origin }, reason);
  }

  /** Whether a switch, or a release, has still to be carried to its end: nobody holds the primary any more, and it is not fed yet. */
  get #isUnfinished(): boolean {
    const { choice, primary, fence } = this.#options;
    const isWaiting = primary.isHeld && fence?.fenced === undefined;
    return choice.hold === undefined && (choice.isOpen || isWaiting);
  }

  /** Tries until what is undone is known, and a switch is at its end. */
  async #finish(): Promise<void> {
    const { choice, clock, logger } = this.#options;
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    let told = '';
    while ((choice.lacksForks || this.#isUnfinished) && !this.#signal.aborted) {
      try {
        // Not in turn: a backlog may take minutes, and a hold is not to wait for it.
        await this.recall();
        // It may have been held by the time that it is its turn.
        await this.#queue.run(async () => (this.#isUnfinished ? this.#goOn() : undefined));
      } catch (error) {
        const { message } = error as Error;
        const says = choice.lacksForks ? UNREADABLE : UNFINISHED;
        if (message !== told && !this.#signal.aborted) logger.error({ error: message }, says);
        told = message;
        await clock.sleep(RETRY_MS, this.#signal);
      }
    }
    this.#isFinishing = false;
  }
}

const RECALLED =
  'forks.json was missing: the log tells what is undone, and the primary gets none of it';
const UNREADABLE = 'what is undone could not be read from the log, or written down, yet';
const UNFINISHED = 'the switch is not at its end yet';

function superseded(to: URL, { since, primary }: Term): WalError {
  return new WalError(
    'PROMOTE_REFUSED',
    `${to.origin} is over: other proxies feed ${primary} since the promotion of ${formatInstant(since)}, which is later`,
    { hint: 'Promote with the standby of that.' },
  );
}

function notHeld(primary: string): WalError {
  return new WalError('PROMOTE_REFUSED', `${primary} is not held`, {
    hint: 'Hold it first, by POST /primary/hold.',
  });
}
