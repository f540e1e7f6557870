import { describe, expect, test } from 'vitest';
import { KeptSafeTime } from '../../../src/restore/work-directory/kept-safe-time.ts';
import { WorkDirectory } from '../../../src/restore/work-directory/work-directory.ts';
import { tempDirectory } from '../../kit/temp.ts';

const keyAt = (ms: number): unknown[] => ['repository', ms];

describe('the time that --to safe stands for', () => {
  test('stays while its restore has begun and is not complete, and only then', async () => {
    await using temp = await tempDirectory('safe');
    const safe = new KeptSafeTime(temp.path, keyAt);
    expect(await safe.resolve(1_000)).toBe(1_000);
    // Nothing was loaded yet.
    expect(await safe.resolve(2_000)).toBe(2_000);
    const work = await WorkDirectory.open(temp.path, keyAt(2_000));
    const checkpoint = { plan: 'p', phase: 'loading', position: null, stored: null } as const;
    await work.save({ ...checkpoint, target: 'http://tsdb-new:4242', asOfMs: 2_000 });
    await work.close();
    expect(await safe.resolve(3_000)).toBe(2_000);
    expect(await new KeptSafeTime(temp.path, (ms) => ['other', ms]).resolve(3_000)).toBe(3_000);
    await (await WorkDirectory.open(temp.path, keyAt(2_000))).remove();
    await safe.forget();
    expect(await safe.resolve(4_000)).toBe(4_000);
  });
});
