import { beforeEach, describe, expect, test } from 'vitest';
import type { Admin, AdminAnswer } from '../../../src/cli/admin-client.ts';
import { Promotion } from '../../../src/cli/promote/promote.ts';
import type { PromoteEvent } from '../../../src/cli/promote/promote-report.ts';
import { SkippingClock } from '../../kit/skipping-clock.ts';

const OLD = 'http://old:4242';
const NEW = 'http://new:4242';
const VERSION = '1';

type Answer = AdminAnswer | undefined;

/** An admin server that does as it would, unless the next answers to a path are given. */
abstract class FakeAdmin implements Admin {
  readonly address: string;
  readonly asked: string[] = [];
  readonly answers = new Map<string, Answer[]>();

  constructor(address: string) {
    this.address = address;
  }

  get(path: string): Promise<AdminAnswer> {
    return this.#ask(path, undefined);
  }

  post(path: string, body?: object): Promise<AdminAnswer> {
    this.asked.push(path);
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

class FakeProxy extends FakeAdmin {
  primary = OLD;
  isHeld = false;
  end: number;
  until: number | undefined;
  readonly lane: string;

  constructor(name: string, end: number) {
    super(`${name}:4244`);
    this.lane = name;
    this.end = end;
  }

  protected answer(path: string, body: unknown): object {
    if (path === '/primary/hold') {
      if (!this.isHeld) this.until = this.end;
      this.isHeld = true;
    }
    if (path === '/primary/release') this.isHeld = false;
    if (path === '/primary/switch') {
      this.primary = (body as { to: string }).to;
      this.isHeld = false;
    }
    if (path === '/primary/probe') return { trouble: null };
    const seq = this.isHeld ? (this.until ?? 0) : this.end;
    const primary = {
      url: this.primary,
      heldSince: this.isHeld ? '2026-01-01T00:00:00Z' : null,
      lanes: [{ lane: this.lane, ordinal: 1, firstSeq: 1, seq, receivedBy: 5_000 }],
    };
    if (path !== '/status') return primary;
    return {
      version: VERSION,
      log: { taking: true },
      kafka: {},
      primary: { ...primary, state: { kind: 'live' } },
    };
  }
}

class FakeStandby extends FakeAdmin {
  target = NEW;
  source = 'topic';
  promotion = 'none';
  lagSeconds = 1;
  /** By lane, the last record and when it was received. */
  readonly lanes = new Map<string, { seq: number; receivedAt: number }>();
  /** How often a drain is asked for until it is over. */
  drains = 3;

  protected answer(path: string, body: unknown): object {
    if (path === '/status') {
      return {
        version: VERSION,
        source: { kind: this.source },
        target: { url: this.target, state: { kind: 'live' } },
        promotion: { state: this.promotion },
        lagSeconds: this.lagSeconds,
        lagRecords: 7,
        delaySeconds: 0,
        stopAt: null,
        contains: {
          lanes: this.#list().map(({ receivedAt, ...one }) => {
            return Object.assign(one, { receivedAt: new Date(receivedAt).toISOString() });
          }),
        },
        deadLetters: 0,
        holes: [],
      };
    }
    if (path === '/follow' && this.promotion === 'draining') this.promotion = 'none';
    if (path === '/drain' && this.promotion !== 'promoted') {
      this.promotion = 'draining';
      this.drains -= 1;
      if (this.drains === 0) {
        this.promotion = 'promoted';
        for (const { lane, seq } of (body as { lanes: { lane: string; seq: number }[] }).lanes) {
          this.lanes.set(lane, { seq: seq + 2, receivedAt: 10_000 });
        }
      }
    }
    const contained = { sinceMs: null, latestMs: 1, lanes: this.#list() };
    return { state: this.promotion, contained, lacking: [] };
  }

  #list() {
    return [...this.lanes].map(([lane, { seq, receivedAt }]) => ({ lane, seq, receivedAt }));
  }
}

const SILENT = (reason: 'before' | 'after'): AdminAnswer => ({ kind: 'silent', reason });
const REFUSED: AdminAnswer = { kind: 'refused', reason: 'it cannot' };

let standby: FakeStandby;
let a: FakeProxy;
let b: FakeProxy;
let events: PromoteEvent[];

beforeEach(() => {
  standby = new FakeStandby('standby:4246');
  a = new FakeProxy('a', 100);
  b = new FakeProxy('b', 200);
  standby.lanes.set('a', { seq: 90, receivedAt: 9_000 });
  standby.lanes.set('b', { seq: 190, receivedAt: 9_500 });
  events = [];
});

async function promote(
  given: { readonly isDryRun?: boolean; readonly signal?: AbortSignal; readonly to?: string } = {},
): Promise<void> {
  const clock = new SkippingClock();
  const skipping = setInterval(() => clock.skip(1_000), 1);
  const promotion = new Promotion({
    standby,
    proxies: [a, b],
    to: given.to === undefined ? undefined : new URL(given.to),
    isDryRun: given.isDryRun === true,
    clock,
    tell: (event) => events.push(event),
  });
  try {
    await promotion.run(given.signal ?? new AbortController().signal);
  } finally {
    clearInterval(skipping);
  }
}

const said = (): string[] => events.map(({ event }) => event);
const stands = (): unknown[] =>
  [a, b].map(({ primary, isHeld }) => (isHeld ? `${primary} held` : primary));

describe('a promotion', () => {
  test('holds all, drains, switches all, and says what the new primary contains', async () => {
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
    expect(said()).toEqual(
      ['checked', 'held', 'held', 'draining', 'draining', 'drained', 'drained'].concat([
        'switched',
        'switched',
        'live',
        'live',
        'done',
      ]),
    );
    expect(events.find(({ event }) => event === 'drained')).toMatchObject({
      lane: 'a',
      held: 100,
      contains: 102,
      fromLog: 0,
    });
  });

  test('changes nothing when it is only to look', async () => {
    await promote({ isDryRun: true });
    expect(said()).toEqual(['checked']);
    expect([a.asked, standby.asked]).toEqual([['/primary/probe'], []]);
  });

  test.each([
    ['a standby that is far behind', () => (standby.lagSeconds = 100), /100 s behind/],
    ['a proxy that the standby does not follow', () => standby.lanes.delete('b'), /lane b/],
    [
      'a proxy that is not named',
      () => standby.lanes.set('c', { seq: 1, receivedAt: 9_400 }),
      /lane c.*name them all/,
    ],
    [
      'a target that a proxy does not reach',
      () => b.answers.set('/primary/probe', [{ kind: 'answered', value: { trouble: 'no route' } }]),
      /b:4244 does not reach http:\/\/new:4242: no route/,
    ],
    ['a proxy that is away', () => a.answers.set('/status', [SILENT('before')]), /proxy a:4244/],
  ])('refuses %s before anything is changed', async (_what, make, message) => {
    make();
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      message: expect.stringMatching(message) as string,
    });
    expect(stands()).toEqual([OLD, OLD]);
    expect(standby.promotion).toBe('none');
  });

  test('refuses an address that means something else to the proxies, and takes another', async () => {
    standby.target = 'http://127.0.0.1:4242';
    await expect(promote()).rejects.toThrow('say by --to');
    await promote({ to: `${NEW}/` });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('warns when a standby of one log is promoted for a proxy of a topic', async () => {
    standby.source = 'data';
    await promote({ isDryRun: true });
    const warning = expect.stringContaining('may share its topic') as string;
    expect(events).toMatchObject([{ warnings: [warning, warning] }]);
  });

  test('does not miss a proxy that ended long ago', async () => {
    standby.lanes.set('c', { seq: 1, receivedAt: -30_000 });
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test.each([
    ['a hold that is refused', () => b.answers.set('/primary/hold', [REFUSED])],
    [
      'a hold that is not answered, and made',
      () => b.answers.set('/primary/hold', [SILENT('after')]),
    ],
    ['a drain that gets no further', () => (standby.drains = 1_000_000)],
    ['a drain that is refused', () => standby.answers.set('/drain', [REFUSED])],
    [
      'a standby that is silent for too long',
      () =>
        standby.answers.set('/drain', [undefined, ...Array<Answer>(500).fill(SILENT('before'))]),
    ],
    ['the first switch, when it is refused', () => a.answers.set('/primary/switch', [REFUSED])],
  ])('undoes what it did after %s', async (_what, make) => {
    make();
    await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    expect(stands()).toEqual([OLD, OLD]);
    // And can be made again.
    for (const one of [a, b, standby]) one.answers.clear();
    standby.drains = 1;
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('undoes what it did when it is interrupted before the first switch', async () => {
    await expect(promote({ signal: AbortSignal.abort() })).rejects.toThrow('interrupted');
    expect(stands()).toEqual([OLD, OLD]);
  });

  test('says which proxy stays held when that cannot be undone', async () => {
    b.answers.set('/primary/hold', [REFUSED]);
    a.answers.set('/primary/release', [SILENT('before')]);
    await expect(promote()).rejects.toMatchObject({
      code: 'PROMOTE_UNFINISHED',
      message: expect.stringContaining('POST http://a:4244/primary/release') as string,
    });
    expect(stands()).toEqual([`${OLD} held`, OLD]);
  });

  test('goes on after the first switch, and tries again what is silent', async () => {
    b.answers.set('/primary/switch', [SILENT('before'), SILENT('after')]);
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
    expect(said()).toContain('trouble');
  });

  test.each([
    ['refuses', REFUSED],
    ['is silent', SILENT('before')],
  ])(
    'leaves a proxy held that %s after another was switched, and ends it when run again',
    async (_what, answer) => {
      b.answers.set('/primary/switch', Array<Answer>(500).fill(answer));
      await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
      expect(stands()).toEqual([NEW, `${OLD} held`]);
      b.answers.clear();
      a.asked.length = 0;
      await promote();
      expect(stands()).toEqual([NEW, NEW]);
      expect(a.asked).toEqual([]);
    },
  );

  test('never releases others while it is not known whether the first was switched', async () => {
    a.answers.set('/primary/switch', [SILENT('after')]);
    b.answers.set('/primary/switch', [REFUSED]);
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('can be run again when nothing is left to do', async () => {
    await promote();
    events = [];
    await promote();
    expect(said()).toEqual(['checked', 'live', 'live', 'done']);
  });
});
