import { beforeEach, describe, expect, test } from 'vitest';
import type { PromoteEvent } from '../../src/promote/promote-event.ts';
import {
  type Answer,
  type FakeProxy,
  type FakeStandby,
  NEW,
  OLD,
  PromoteScene,
  REFUSED,
} from './kit/promote-scene.ts';

const MONDAY = '2026-06-01T12:00:00.000Z';
const TUESDAY = '2026-06-02T12:00:00.000Z';

let scene: PromoteScene;
let standby: FakeStandby;
let a: FakeProxy;
let b: FakeProxy;
let events: PromoteEvent[];

beforeEach(() => {
  scene = new PromoteScene();
  ({ standby, a, b, events } = scene);
});

const promote: PromoteScene['promote'] = (given) => scene.promote(given);
const stands = (): readonly string[] => scene.stands;

describe('a promotion, by the address of the new primary,', () => {
  test('refuses an address that means something else to the proxies, and takes another', async () => {
    standby.target = 'http://127.0.0.1:4242';
    await expect(promote()).rejects.toThrow('say by --to');
    await promote({ to: `${NEW}/` });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test.each([
    ['', () => undefined],
    [', with one of them held by an earlier run', () => (b.isHeld = true)],
    [
      ', with all of them held while it was drained',
      () => {
        a.isHeld = true;
        b.isHeld = true;
        standby.promotion = 'draining';
      },
    ],
  ])(
    'refuses to take the primary of the proxies for the target of the standby%s',
    async (_, make) => {
      make();
      const before = stands();
      for (const isDryRun of [true, false]) {
        await expect(promote({ to: OLD, isDryRun })).rejects.toMatchObject({
          code: 'PROMOTE_REFUSED',
          message: expect.stringMatching(
            /old:4242 is fed by proxy a:4244 and proxy b:4244 now.*feeds http:\/\/new:4242/,
          ) as string,
        });
      }
      const told = events.map((event) => event.event === 'checked' && event);
      for (const one of told) {
        expect(one).toMatchObject({
          standby: { target: NEW },
          proxies: [{ switched: false }, { switched: false }],
        });
      }
      expect([standby.asked, stands()]).toEqual([[], before]);
    },
  );

  test('refuses a standby of what the proxies feed', async () => {
    standby.target = OLD;
    await expect(promote()).rejects.toThrow(/old:4242 is fed by .*, and by the standby/);
    await expect(promote({ to: NEW })).rejects.toThrow(/and by the standby/);
    expect([standby.asked, stands()]).toEqual([[], [OLD, OLD]]);
  });

  test('takes a proxy that only names the target, and was kept from it, for none that feeds it', async () => {
    for (const promotion of ['none', 'promoted']) {
      Object.assign(standby, { promotion });
      Object.assign(b, { primary: NEW, fencedBy: { since: 3, primary: OLD }, isHeld: true });
      b.answers.set('/primary/switch', [REFUSED]);
      a.answers.set('/primary/switch', [REFUSED]);
      // So nothing was begun by it, and all is given up.
      await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
      expect(b.asked).toContain('/primary/release');
    }
  });

  test('takes no address of one machine for that of another', async () => {
    const local = 'http://127.0.0.1:4242';
    standby.target = local;
    for (const proxy of [a, b]) proxy.primary = local;
    await promote({ to: NEW });
    expect(stands()).toEqual([NEW, NEW]);
    scene = new PromoteScene(['127.0.0.1:4244', '127.0.0.1:4245']);
    scene.standby.target = local;
    scene.a.primary = local;
    await expect(promote()).rejects.toThrow('another machine for the standby standby:4246');
  });

  test('warns where another process answers there than the one that the standby feeds, and names both', async () => {
    standby.startedAt = [MONDAY];
    a.startedAt = [MONDAY];
    b.startedAt = [TUESDAY];
    for (const to of [NEW, 'http://other:4242']) {
      await promote({ isDryRun: true, to });
      const warning = `at ${to} another OpenTSDB process answers than the one started at ${MONDAY} that the standby feeds at ${NEW}: proxy b:4244 reaches one started at ${TUESDAY}.`;
      const warnings = [expect.stringContaining(warning) as string];
      expect(events.at(-1)).toMatchObject({ warnings, problems: [] });
    }
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('says nothing of another address where the process that the standby feeds answers', async () => {
    standby.startedAt = [MONDAY];
    a.startedAt = [MONDAY];
    await promote({ isDryRun: true, to: 'http://other:4242' });
    expect(events.at(-1)).toMatchObject({
      warnings: [expect.stringContaining('is taken for another address') as string],
    });
    b.startedAt = [MONDAY];
    await promote({ isDryRun: true, to: 'http://other:4242' });
    expect(events.at(-1)).toMatchObject({ warnings: [] });
  });

  test('goes on by another name than the standby’s', async () => {
    standby.target = 'http://new.example:4242';
    b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(promote({ to: NEW })).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    const warning = 'http://new:4242 is taken for another address of http://new.example:4242';
    expect(events[0]).toMatchObject({ warnings: [expect.stringContaining(warning) as string] });
    b.answers.clear();
    await promote({ to: NEW });
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('goes on by the address that it was begun with, where none is said', async () => {
    standby.target = 'http://new.example:4242';
    b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(promote({ to: NEW })).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    b.answers.clear();
    a.asked.length = 0;
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
    expect(a.asked).toEqual([]);
    expect(events.at(-1)).toMatchObject({ event: 'done', target: NEW });
  });

  test('goes on by none but that once some were switched, and by any while none were', async () => {
    const [first, other] = ['http://10.0.0.9:4242', 'http://10.0.0.10:4242'];
    a.answers.set('/primary/switch', [REFUSED]);
    await expect(promote({ to: first })).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(promote({ to: NEW })).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    await expect(promote({ to: other })).rejects.toThrow(
      `${NEW} is fed by proxy a:4244 already: leave out --to ${other}`,
    );
    expect(stands()).toEqual([NEW, `${OLD} held`]);
    standby.to = first;
    await expect(promote()).rejects.toThrow(
      `${NEW} is fed by proxy a:4244 already: say --to ${NEW}`,
    );
  });

  test('is not said to be done for the old primary’s name, though the standby has stopped', async () => {
    a.answers.set('/primary/switch', [REFUSED]);
    await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    expect([stands(), standby.promotion]).toEqual([[OLD, OLD], 'promoted']);
    for (const isHeld of [false, true]) {
      for (const proxy of [a, b]) proxy.isHeld = isHeld;
      events.length = 0;
      await expect(promote({ to: OLD })).rejects.toThrow(
        /old:4242 is fed by proxy a:4244 and proxy b:4244, and nothing says that it is http:\/\/new:4242/,
      );
      expect(events).toMatchObject([{ event: 'checked' }]);
    }
    expect(stands()).toEqual([`${OLD} held`, `${OLD} held`]);
    await promote();
    expect(stands()).toEqual([NEW, NEW]);
  });

  test('is done for an address that proxies were given by hand, once the standby was told that', async () => {
    standby.target = 'http://new.example:4242';
    standby.promotion = 'promoted';
    for (const proxy of [a, b]) proxy.primary = NEW;
    await expect(promote({ to: NEW })).rejects.toThrow(`with "to": "${NEW}"`);
    await standby.post('/drain', { lanes: [], to: NEW });
    await promote();
    expect(events.at(-1)).toMatchObject({ event: 'done', target: NEW });
    expect([...a.asked, ...b.asked]).not.toContain('/primary/hold');
  });

  test('is not gone on with by the old primary’s name', async () => {
    b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    await expect(promote({ to: OLD })).rejects.toThrow(
      'http://new:4242 is fed by proxy a:4244 already: leave out --to http://old:4242',
    );
    expect(stands()).toEqual([NEW, `${OLD} held`]);
  });
});
