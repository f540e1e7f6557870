import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KnownForks } from '../../src/follow/known-forks.ts';
import { present, TestLog } from '../kit/wal-log.ts';
import { tempDirectory } from '../kit/temp.ts';

const FORK = {
  id: '0123456789abcdef',
  at: 1_000,
  undone: [{ lane: 'a'.repeat(16), from: 2, to: 3 }],
};

const running = new AbortController().signal;
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

  test('are read from the log after the place of the primary when their file was lost', async () => {
    await using folder = await tempDirectory('forks');
    const log = await TestLog.open(join(folder.path, 'wal'));
    await log.write(['put m 1 1 a=b', 'put m 2 2 a=b']);
    const before = log.wal.durable;
    const said = present(log.wal.appendControl({ kind: 'fork', ...FORK }));
    await log.until(() => log.wal.durable.seq >= said.seq);
    const forks = await KnownForks.open(folder.path);
    expect(await forks.recall(log.wal, before, running)).toMatchObject([FORK]);
    expect(forks.undone.has('a'.repeat(16), 2)).toBe(true);
    // It is there now: nothing is read again.
    const again = await KnownForks.open(folder.path);
    expect(again.all).toMatchObject([FORK]);
    expect(await again.recall(log.wal, undefined, running)).toEqual([]);
    await rm(join(folder.path, 'forks.json'));
    const later = await KnownForks.open(folder.path);
    expect(await later.recall(log.wal, log.wal.durable, running)).toEqual([]);
    await log.wal.close();
  });
});
