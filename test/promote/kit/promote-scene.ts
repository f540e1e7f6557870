import type { Admin, AdminAnswer } from '../../../src/admin/admin-client.ts';
import type { AsOf } from '../../../src/promote/as-of.ts';
import { Promotion } from '../../../src/promote/promote.ts';
import type { PromoteEvent } from '../../../src/promote/promote-event.ts';
import type { Fork } from '../../../src/record/fork.ts';
import type { LaneEnd } from '../../../src/record/lane-end.ts';
import type { Term } from '../../../src/record/term.ts';
import { AdvancingClock } from '../../kit/advancing-clock.ts';

export const OLD = 'http://old:4242';
export const NEW = 'http://new:4242';
const VERSION = '1';
/** Records that each proxy has received since the moment. */
export const LATER = 7;
export const AS_OF = { ms: 1_000, id: '0123456789abcdef' };

export type Answer = AdminAnswer | undefined;

/** An admin server that does as it would, unless the next answers to a path are given. */
abstract class FakeAdmin implements Admin {
  readonly address: string;
  /** But for whether the target answers. */
  readonly asked: string[] = [];
  readonly answers = new Map<string, Answer[]>();

  constructor(address: string) {
    this.address = address;
  }

  get(path: string): Promise<AdminAnswer> {
    return this.#ask(path, undefined);
  }

  post(path: string, body?: object): Promise<AdminAnswer> {
    if (path !== '/target/probe') this.asked.push(path);
    return this.#ask(path, body);
  }

  protected abstract answer(path: string, body: unknown): object;

  #ask(path: string, body: unknown): Promise<AdminAnswer> {
    const given = this.answers.get(path)?.shift();
    if (given?.kind === 'refused') return Promise.resolve(given);
    // Silent, it may have been done all the same.
    const isDone = given?.kind !== 'silent' || given.reason === 'after';
    const value = isDone ? this.answer(path, body) : undefined;
    return Promise.resolve(given ?? { kind: 'answered', value });
  }
}

export class FakeProxy extends FakeAdmin {
  primary = OLD;
  isHeld = false;
  /** It is held since others feed that one. */
  fencedBy: Term | undefined;
  /** With which it was switched: since when it counts. */
  since: number | undefined;
  /** Undefined: it doesn't tell. */
  unconfirmedSeconds: number | undefined = 0;
  /** Those of its workers. */
  urls: readonly string[] | undefined;
  end: number;
  until: number | undefined;
  /** What promotions undid that the moment lies within. */
  around: readonly Fork[] = [];
  /** With which it was switched. */
  fork: Fork | undefined;
  /** When the processes that it reaches at the new primary's address were started. */
  startedAt: readonly string[] = [];
  readonly lane: string;
  /** Lanes of its log that have ended. */
  readonly before: LaneEnd[] = [];
  /** Lanes that it has opened since it is held. */
  readonly later: string[] = [];

  constructor(name: string, end: number, address = `${name}:4244`) {
    super(address);
    this.lane = name.repeat(16);
    this.end = end;
  }

  protected answer(path: string, body: unknown): object {
    if (path === '/primary/hold') {
      if (!this.isHeld) this.until = this.end;
      this.isHeld = true;
    }
    if (path === '/primary/release') this.isHeld = this.fencedBy !== undefined;
    if (path === '/primary/switch') {
      const { to, fork, since } = body as { to: string; fork?: Fork; since?: number };
      this.primary = to;
      this.since = since;
      this.isHeld = false;
      this.urls = undefined;
      this.fork = fork;
    }
    if (path === '/primary/ends') {
      const end = this.isHeld ? (this.until ?? 0) : this.end;
      const { lane } = this;
      return {
        lanes: [{ lane, ordinal: 1, firstSeq: 1, seq: end - LATER, receivedBy: 1_000 }],
        later: [{ lane, from: end - LATER + 1, to: end }],
        around: this.around,
      };
    }
    if (path === '/primary/probe') return { trouble: null, startedAt: this.startedAt };
    const seq = this.isHeld ? (this.until ?? 0) : this.end;
    const primary = {
      url: this.primary,
      urls: this.urls,
      since: this.since ?? null,
      heldSince: this.isHeld ? '2026-01-01T00:00:00Z' : null,
      fencedBy: this.fencedBy ?? null,
      lanes: [
        ...this.before,
        { lane: this.lane, ordinal: this.before.length + 1, firstSeq: 1, seq, receivedBy: 5_000 },
      ],
    };
    if (path !== '/status') return primary;
    return {
      version: VERSION,
      log: { taking: true, lanes: [this.lane, ...this.later] },
      kafka: {},
      primary: {
        ...primary,
        state: { kind: 'live' },
        unconfirmedSeconds: this.unconfirmedSeconds,
      },
    };
  }
}

/** When it came to its end, epoch ms. */
export const SINCE = 20_000;

export class FakeStandby extends FakeAdmin {
  target = NEW;
  /** When that was started. */
  startedAt: readonly string[] = [];
  doubt: object | null = null;
  source = 'topic';
  promotion = 'none';
  lagSeconds = 1;
  /** By lane, the last record and when it was received. */
  readonly lanes = new Map<string, { seq: number; receivedAt: number }>();
  /** Lanes that it has seen besides those of which its target contains something. */
  readonly seen: { lane: string; receivedAt: number; wroteAt: number | null; ended: boolean }[] =
    [];
  /** Undefined: it tells nothing of that. */
  hasLooked: boolean | undefined = true;
  /** What was received up to then it contains, epoch ms. */
  allUpTo: number | null = null;
  /** How often a drain is asked for until it is over. */
  drains = 3;
  sentToMs = 500;
  /** A lane that it meets on the way. */
  comes: { lane: string; seq: number; receivedAt: number } | undefined;
  fork: Fork | undefined;
  /** As it was told of what proxies were given before. */
  after: number | undefined;
  /** As it was told that proxies reach its target. */
  to: string | undefined;
  /** Known ones, by id. */
  forks: readonly string[] = [];

  protected answer(path: string, body: unknown): object {
    if (path === '/target/probe') return { trouble: null, startedAt: this.startedAt };
    if (path === '/status') {
      return {
        version: VERSION,
        source: { kind: this.source },
        target: { url: this.target, state: { kind: 'live' }, doubt: this.doubt },
        promotion: {
          state: this.promotion,
          since: this.promotion === 'promoted' ? new Date(SINCE).toISOString() : null,
          fork: this.fork ?? null,
          to: this.to ?? null,
        },
        forks: this.forks,
        sentTo: new Date(this.sentToMs).toISOString(),
        lagSeconds: this.lagSeconds,
        lagRecords: 7,
        delaySeconds: 0,
        stopAt: null,
        contains: {
          allUpTo: textOf(this.allUpTo),
          lanes: this.#list().map(({ receivedAt, ...one }) => {
            return Object.assign(one, { receivedAt: new Date(receivedAt).toISOString() });
          }),
        },
        seen: this.#tellSeen(),
        deadLetters: 0,
        holes: [],
      };
    }
    if (path === '/follow' && this.promotion === 'draining') this.promotion = 'none';
    if (path === '/drain') {
      const { fork, to = this.to, after } = body as { fork?: Fork; to?: string; after?: number };
      this.after = after;
      this.fork = fork;
      this.to = to;
    }
    if (path === '/drain' && this.promotion !== 'promoted') {
      this.promotion = 'draining';
      this.drains -= 1;
      if (this.drains === 0) {
        this.promotion = 'promoted';
        if (this.comes !== undefined) this.lanes.set(this.comes.lane, this.comes);
        for (const { lane, seq } of (body as { lanes: { lane: string; seq: number }[] }).lanes) {
          this.lanes.set(lane, { seq: seq + 2, receivedAt: 10_000 });
        }
      }
    }
    const contained = { sinceMs: null, latestMs: 1, lanes: this.#list() };
    const since = this.promotion === 'promoted' ? SINCE : null;
    return { state: this.promotion, since, contained, lacking: [], sent: this.drains < 2 };
  }

  #tellSeen() {
    const complete = this.hasLooked;
    if (complete === undefined) return undefined;
    const lanes = this.seen.map(({ receivedAt, wroteAt, ...one }) => {
      const times = { receivedAt: textOf(receivedAt), wroteAt: textOf(wroteAt) };
      return Object.assign(one, times);
    });
    return { complete, lanes };
  }

  #list() {
    return [...this.lanes].map(([lane, { seq, receivedAt }]) => ({ lane, seq, receivedAt }));
  }
}

function textOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

export const SILENT = (reason: 'before' | 'after'): AdminAnswer => ({ kind: 'silent', reason });
export const REFUSED: AdminAnswer = { kind: 'refused', reason: 'it cannot' };

/** Two proxies, a standby that follows both, and promotions of it. */
export class PromoteScene {
  readonly standby = new FakeStandby('standby:4246');
  readonly a: FakeProxy;
  readonly b: FakeProxy;
  /** What was told. */
  readonly events: PromoteEvent[] = [];

  /** `addresses`: of the proxies. */
  constructor([a, b]: readonly string[] = []) {
    this.a = new FakeProxy('a', 100, a);
    this.b = new FakeProxy('b', 200, b);
    this.standby.lanes.set(this.a.lane, { seq: 90, receivedAt: 9_000 });
    this.standby.lanes.set(this.b.lane, { seq: 190, receivedAt: 9_500 });
  }

  /** The primary of each, and whether it is held. */
  get stands(): string[] {
    return [this.a, this.b].map(({ primary, isHeld }) => (isHeld ? `${primary} held` : primary));
  }

  async promote(
    given: {
      readonly isDryRun?: boolean;
      readonly signal?: AbortSignal;
      readonly to?: string;
      readonly asOf?: AsOf;
      readonly proxies?: readonly FakeProxy[];
    } = {},
  ): Promise<void> {
    const clock = new AdvancingClock();
    const advancing = setInterval(() => clock.advance(1_000), 1);
    const promotion = new Promotion({
      standby: this.standby,
      proxies: given.proxies ?? [this.a, this.b],
      to: given.to === undefined ? undefined : new URL(given.to),
      asOf: given.asOf,
      isDryRun: given.isDryRun === true,
      clock,
      tell: (event) => this.events.push(event),
    });
    try {
      await promotion.run(given.signal ?? new AbortController().signal);
    } finally {
      clearInterval(advancing);
    }
  }
}
