import { beforeEach, describe, expect, test } from 'vitest';
import {
  type FakeProxy,
  type FakeStandby,
  NEW,
  OLD,
  PromoteScene,
  REFUSED,
  SINCE,
} from './kit/promote-scene.ts';

let scene: PromoteScene;
let standby: FakeStandby;
let a: FakeProxy;
let b: FakeProxy;

beforeEach(() => {
  scene = new PromoteScene();
  ({ standby, a, b } = scene);
});

describe('a promotion after another one', () => {
  test('leaves what was held before it since others feed another one, and says nothing of that', async () => {
    Object.assign(a, { fencedBy: { since: 3, primary: 'http://other:4242' }, isHeld: true });
    standby.answers.set('/drain', [REFUSED]);
    await expect(scene.promote()).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    expect(scene.stands).toEqual([`${OLD} held`, OLD]);
    expect(scene.events).not.toContainEqual({ event: 'released', proxy: a.address });
  });

  test('tells all proxies since when the new primary counts: after all that they were given', async () => {
    a.since = 7;
    b.fencedBy = { since: 9, primary: 'http://other:4242' };
    await scene.promote();
    expect(standby.after).toBe(9);
    expect([a.since, b.since]).toEqual([SINCE, SINCE]);
  });

  test.each([OLD, NEW])(
    'is refused where proxies were given %s after its standby had stopped: there is nothing to go on with',
    async (primary) => {
      standby.promotion = 'promoted';
      Object.assign(a, { primary, since: SINCE + 1 });
      await expect(scene.promote()).rejects.toMatchObject({
        code: 'PROMOTE_REFUSED',
        message: expect.stringContaining(
          `proxies feed ${primary} since a promotion that is later`,
        ) as string,
      });
    },
  );
});
