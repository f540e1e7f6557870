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

  test('is not gone on with by the old primary’s name', async () => {
    b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(promote()).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    await expect(promote({ to: OLD })).rejects.toThrow(
      'http://new:4242 is fed by proxy a:4244 already: leave out --to http://old:4242',
    );
    expect(stands()).toEqual([NEW, `${OLD} held`]);
  });
});
