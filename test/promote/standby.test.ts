import { beforeEach, describe, expect, test } from 'vitest';
import { AS_OF, NEW, OLD, PromoteScene, SILENT } from './kit/promote-scene.ts';

let scene: PromoteScene;

beforeEach(() => {
  scene = new PromoteScene();
  scene.standby.doubt = { since: '2026-06-01T12:00:00.000Z', reason: 'it counts storage errors' };
});

const SAID =
  'http://new:4242, may have lost of what it took: it counts storage errors, since 2026-06-01T12:00:00.000Z';

describe('a promotion of a standby whose target may have lost what it took', () => {
  test('is refused before anything is held, as it would wait for that to be over', async () => {
    await expect(scene.promote()).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      message: expect.stringContaining(SAID) as string,
    });
    expect(scene.stands).toEqual([OLD, OLD]);
    expect(scene.a.asked).not.toContain('/primary/hold');
  });

  test('is gone on with when it is drained already, and warns', async () => {
    scene.standby.promotion = 'draining';
    await scene.promote();
    expect(scene.stands).toEqual([NEW, NEW]);
    expect(scene.events[0]).toMatchObject({
      warnings: [expect.stringContaining(SAID) as string],
    });
  });
});

test('a promotion says where to read on when the standby is away, as it may be for good', async () => {
  scene.standby.answers.set('/status', [SILENT('before')]);
  await expect(scene.promote()).rejects.toMatchObject({
    code: 'PROMOTE_REFUSED',
    hint: expect.stringContaining('The standby is lost on the way') as string,
  });
});

describe('a promotion of a standby that was begun with a time', () => {
  const lane = 'c'.repeat(16);

  beforeEach(() => {
    scene.standby.doubt = null;
    scene.a.before.push({ lane, ordinal: 1, firstSeq: 1, seq: 9, receivedBy: 2_000 });
  });

  test('is refused before anything is held while it lacks a lane whose proxy was away then', async () => {
    scene.standby.allUpTo = 1_999;
    await expect(scene.promote()).rejects.toMatchObject({
      code: 'PROMOTE_REFUSED',
      message: expect.stringContaining(`has met nothing of lane ${lane}`) as string,
    });
    expect(scene.a.asked).not.toContain('/primary/hold');
  });

  test.each([
    ['where the next lane had begun by then', 2_000, undefined],
    ['as of that time', AS_OF.ms, AS_OF],
  ])('is made %s', async (_what, allUpTo, asOf) => {
    scene.standby.allUpTo = allUpTo;
    await scene.promote({ ...(asOf && { asOf }) });
    expect(scene.stands).toEqual([NEW, NEW]);
  });
});
