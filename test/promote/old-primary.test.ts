import { describe, expect, test } from 'vitest';
import { storedToOf } from '../../src/promote/old-primary.ts';
import { proxyView } from '../../src/promote/promote-views.ts';
import { AS_OF, NEW, OLD, PromoteScene, type Answer, REFUSED } from './kit/promote-scene.ts';

const NOW_MS = Date.parse('2026-06-01T12:00:00.500Z');

function viewOf(address: string, unconfirmedSeconds: number | undefined) {
  const primary = { url: OLD, heldSince: null, lanes: [], unconfirmedSeconds };
  const view = proxyView(address, { primary });
  return view === undefined ? [] : [view];
}

describe('what a promotion tells of the old primary', () => {
  test('is up to when it surely stores what each proxy received, with a minute to spare', () => {
    const views = [viewOf('a', 0), viewOf('b', 90.2), viewOf('c', undefined)].flat();
    const told = [...storedToOf(views, NOW_MS)].map(([name, ms]) => [name, new Date(ms)]);
    expect(told).toEqual([
      ['a', new Date('2026-06-01T11:59:00Z')],
      ['b', new Date('2026-06-01T11:57:30Z')],
    ]);
  });

  test('is the earliest of these, once it is done', async () => {
    const scene = new PromoteScene();
    scene.b.unconfirmedSeconds = 3_600;
    await scene.promote();
    const held = scene.events.flatMap((event) => (event.event === 'held' ? event.storedTo : []));
    const [first = '', second = ''] = held.map(String).toSorted();
    expect(Date.parse(second) - Date.parse(first)).toBe(3_600_000);
    const before = { primaries: [OLD], storedTo: first, undone: false };
    expect(scene.events.at(-1)).toMatchObject({ event: 'done', before });
  });

  test.each([
    [
      'one of them does not tell',
      (scene: PromoteScene) => (scene.b.unconfirmedSeconds = undefined),
    ],
    [
      'a proxy was away, and its lane was ended by nothing',
      ({ standby }: PromoteScene) =>
        standby.lanes.set('c'.repeat(16), { seq: 9, receivedAt: -60_000 }),
    ],
    ['they had different ones', (scene: PromoteScene) => (scene.b.primary = 'http://slip:4242')],
  ])('is no time where %s', async (_what, make) => {
    const scene = new PromoteScene();
    make(scene);
    await scene.promote();
    expect(scene.events.at(-1)).toMatchObject({ before: { storedTo: null } });
  });

  test('is no time for all where others were switched by an earlier run', async () => {
    const scene = new PromoteScene();
    scene.b.answers.set('/primary/switch', Array<Answer>(500).fill(REFUSED));
    await expect(scene.promote()).rejects.toMatchObject({ code: 'PROMOTE_UNFINISHED' });
    scene.b.answers.clear();
    await scene.promote();
    expect(scene.stands).toEqual([NEW, NEW]);
    expect(scene.events.at(-1)).toMatchObject({ before: { primaries: [OLD], storedTo: null } });
  });

  test('is that it has what was undone, after one as of a moment', async () => {
    const scene = new PromoteScene();
    await scene.promote({ asOf: AS_OF });
    expect(scene.events.at(-1)).toMatchObject({ before: { undone: true } });
  });
});
