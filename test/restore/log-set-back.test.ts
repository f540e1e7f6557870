import { describe, expect, test } from 'vitest';
import { ManualClock } from '../kit/wal-clock.ts';
import { TestLog } from '../kit/wal-log.ts';
import { LogScene } from './kit/log-scene.ts';

const HOUR_MS = 3_600_000;

describe('a log whose clock was an hour ahead, and was set back', () => {
  test.each(['archived', 'not archived'] as const)(
    'has the later of two values at every time after it, %s',
    async (where) => {
      await using scene = await LogScene.create();
      const clock = new ManualClock();
      clock.pass(HOUR_MS);
      const ahead = await TestLog.open(scene.rig.wal, { clock });
      await ahead.write(['put m 1500000000 1 h=a']);
      await ahead.wal.close();
      clock.wall -= HOUR_MS / 2;
      const log = await TestLog.open(scene.rig.wal, { clock });
      await log.write(['put m 1500000000 2 h=a']);
      clock.pass(2 * HOUR_MS);
      await log.write(['put n 1500000000 3 h=a']);
      const afterMs = clock.wall;
      clock.pass(10);
      await log.write(['put n 1500000000 4 h=a']);
      await log.wal.close();
      if (where === 'archived') await scene.rig.archiveAll();
      const { lines, plan } = await scene.restore({ kind: 'at', ms: afterMs });
      expect([...lines.values()].toSorted()).toEqual([
        'http put m 1500000000 2 h=a',
        'http put n 1500000000 3 h=a',
      ]);
      expect(plan.disputed).toEqual([]);
    },
  );
});
