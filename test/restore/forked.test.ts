import { describe, expect, test } from 'vitest';
import { line } from '../archive/archive-rig.ts';
import { until } from '../kit/until.ts';
import { present, TestLog } from '../kit/wal-log.ts';
import { LogScene } from './kit/log-scene.ts';

const SAFE = { kind: 'safe' } as const;
const at = (ms: number) => ({ kind: 'at', ms }) as const;

describe('a restore of a log that went back', () => {
  test('says what it is without, or has though it was undone later', async () => {
    await using scene = await LogScene.create();
    const log = await TestLog.open(scene.rig.wal, { segmentBytes: 4_000 });
    const moments: number[] = [];
    for (let n = 1; n <= 3; n += 1) {
      await log.write(line(n));
      const moment = log.wal.now();
      moments.push(moment);
      // What is written next is received later.
      await until(() => log.wal.now() > moment, 'later');
    }
    const [first = 0, second = 0] = moments;
    const { lane } = log.wal.durable;
    const undone = [{ lane, from: 3, to: 4 }];
    const fork = { id: '0123456789abcdef', at: first, undone };
    const told = present(log.wal.appendControl({ kind: 'fork', ...fork }));
    await log.until(() => log.wal.durable.seq >= told.seq);
    await log.wal.close();
    const forksAt = async (target: Parameters<typeof scene.restore>[0]) => {
      const { plan, lines } = await scene.restore(target);
      return [plan.forks.map(({ id }) => id), plan.laterForks.map(({ id }) => id), lines.size];
    };
    expect(await forksAt(at(first))).toEqual([[], [], 1]);
    expect(await forksAt(at(second))).toEqual([[], [fork.id], 2]);
    expect(await forksAt(SAFE)).toEqual([[fork.id], [], 1]);
  });
});
