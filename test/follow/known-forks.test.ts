import { describe, expect, test } from 'vitest';
import { KnownForks } from '../../src/follow/known-forks.ts';
import { tempDirectory } from '../kit/temp.ts';

const FORK = {
  id: '0123456789abcdef',
  at: 1_000,
  undone: [{ lane: 'a'.repeat(16), from: 2, to: 3 }],
};

const idsAround = (known: KnownForks, ms: number): string[] => known.around(ms).map(({ id }) => id);

describe('the forks of a data directory', () => {
  test('are kept, and concern the times from their moment to when they were told', async () => {
    await using folder = await tempDirectory('forks');
    const forks = await KnownForks.open(folder.path);
    await forks.add(FORK);
    expect([999, 1_000, 1_001, 9_000].map((ms) => idsAround(forks, ms).length)).toEqual([
      0, 0, 1, 1,
    ]);
    await forks.told(FORK.id, 2_000);
    const again = await KnownForks.open(folder.path);
    expect(again.all).toMatchObject([FORK]);
    expect(again.undone.has('a'.repeat(16), 3)).toBe(true);
    expect([1_999, 2_000].map((ms) => idsAround(again, ms).length)).toEqual([1, 0]);
  });
});
