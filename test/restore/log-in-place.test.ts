import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { textRestoreReport } from '../../src/cli/restore/restore-report.ts';
import type { RestorePlan } from '../../src/restore/restore-request.ts';
import { WalError } from '../../src/runtime/errors.ts';
import { writeLane } from '../archive/archive-rig.ts';
import { listSegments } from '../kit/wal-files.ts';
import { present } from '../kit/wal-log.ts';
import { forkedHistories, histories } from './kit/histories.ts';
import { type MadeLane, stateAt } from './kit/history.ts';
import { harms } from './kit/harm-segments.ts';
import { asLines, LogScene, type Restored } from './kit/log-scene.ts';

const SAFE = { kind: 'safe' } as const;
const at = (ms: number) => ({ kind: 'at', ms }) as const;

const anyTime = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(1));

describe('a restore of a damaged repository, with the log', () => {
  test('gives the state at any time, whatever is damaged, while the log has it', async () => {
    const property = fc.asyncProperty(
      fc.oneof(histories, forkedHistories),
      harms,
      fc.nat({ max: 4 }),
      anyTime,
      async (history, harmed, minutes, time) => {
        await using scene = await LogScene.create();
        await scene.write(history);
        await scene.rig.archiveAll();
        await scene.merge(minutes);
        const lanes = await scene.lanes();
        const ms = timeIn(lanes, time);
        const whole = await scene.restore(at(ms));
        await scene.harm((index) => harmed[index % harmed.length]);
        const { lines, plan } = await scene.restore(at(ms));
        expect(lines).toEqual(asLines(stateAt(lanes, ms)));
        expect(plan.holes).toEqual([]);
        expect(plan.laterHoles).toEqual([]);
        // So an interrupted restore goes on when objects were damaged meanwhile.
        expect(plan.plan).toBe(whole.plan.plan);
      },
    );
    await fc.assert(property, { numRuns: 5 });
  });

  test('gives what neither lost, and names the rest, where the log has only a part', async () => {
    const property = fc.asyncProperty(
      fc.oneof(histories, forkedHistories),
      harms,
      fc.double({ min: 0, max: 1, noNaN: true }),
      anyTime,
      async (history, harmed, expired, time) => {
        await using scene = await LogScene.create();
        await scene.write(history);
        await scene.rig.archiveAll();
        const lanes = await scene.lanes();
        await scene.harm((index) => harmed[index % harmed.length]);
        const files = await listSegments(scene.rig.wal);
        for (const { name } of files.slice(0, Math.floor(files.length * expired))) {
          await rm(join(scene.rig.wal, name));
        }
        const ms = timeIn(lanes, time);
        const state = (of: Restored | undefined) =>
          of && asLines(stateAt(without(lanes, of.plan), ms));
        const strict = await unlessRefused(scene.restore(at(ms)));
        expect(strict?.lines).toEqual(state(strict));
        expect(strict?.plan.holes ?? []).toEqual([]);
        const some = await unlessRefused(scene.restore(at(ms), { allowHoles: true }));
        expect(some?.lines).toEqual(state(some));
      },
    );
    await fc.assert(property, { numRuns: 5 });
  });

  test('says which records came from where, and why', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 40, 10);
    await scene.rig.archiveAll();
    const lanes = await scene.lanes();
    const lane = present(lanes[0]).lane;
    await scene.harm((index) => (index === 1 ? 'data gone' : undefined));
    const { plan, lines } = await scene.restore(SAFE);
    expect(lines).toEqual(asLines(stateAt(lanes, plan.toMs)));
    const [, object = ''] = await scene.sidecars();
    const [, firstSeq, lastSeq] = /(\d{15})-(\d{15})/.exec(object)?.map(Number) ?? [];
    expect(plan.damaged).toEqual([
      {
        object,
        reason: expect.stringContaining('.parquet is gone') as string,
        instead: [{ source: 'log', firstSeq, lastSeq }],
      },
    ]);
    expect(plan.lanes[0]?.ranges.map(({ source }) => source)).toEqual([
      'archive',
      'log',
      'archive',
    ]);
    expect(plan.log?.ranges).toMatchObject([{ lane, firstSeq, lastSeq, points: 10 }]);
    expect(toldOf(plan)).toMatch(
      new RegExp(
        `done without ${object}: .* is gone; in place of it records ${firstSeq} to ${lastSeq} from the log`,
      ),
    );
  });

  test('names what neither has, and what to do', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 120, 60);
    await scene.rig.archiveAll();
    const lane = present((await scene.lanes())[0]).lane;
    await scene.harm((index) => (index === 1 ? 'data other' : undefined));
    const [, object = ''] = await scene.sidecars();
    const [, firstSeq = 0, lastSeq = 0] = /(\d{15})-(\d{15})/.exec(object)?.map(Number) ?? [];
    await expect(scene.restore(SAFE, { data: undefined })).rejects.toMatchObject({
      code: 'REPOSITORY_DAMAGED',
      hint: expect.stringMatching(
        `in the repository holds records ${lane}/${firstSeq} to ${lastSeq}.*--data`,
      ) as string,
    });
    // The log begins with records of the damaged segment.
    let lost = 0;
    for (const { name, frames } of await listSegments(scene.rig.wal)) {
      const end = frames.at(-1)?.lastSeq ?? 0;
      if (lost >= firstSeq || end >= lastSeq) break;
      lost = end;
      await rm(join(scene.rig.wal, name));
    }
    expect(lost).toBeGreaterThanOrEqual(firstSeq);
    await expect(scene.restore(SAFE)).rejects.toMatchObject({
      code: 'REPOSITORY_DAMAGED',
      context: { lost: [{ lane, firstSeq, lastSeq: lost }] },
      hint: expect.stringContaining('neither the rest of the repository nor a log') as string,
    });
    const { plan } = await scene.restore(SAFE, { allowHoles: true });
    const reason = expect.stringMatching(
      'is not what was written; no longer in the log$',
    ) as string;
    expect(plan.holes).toMatchObject([{ lane, firstSeq, lastSeq: lost, reason }]);
    expect(plan.damaged).toMatchObject([
      { instead: [{ source: 'log', firstSeq: lost + 1, lastSeq }] },
    ]);
  });

  test('does not take the end of an older copy of the log for the end of a lane', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 120, 60);
    await scene.rig.archiveAll();
    const count = (await scene.sidecars()).length;
    // With the last points, and with what closed the lane.
    await scene.harm((index) => (index >= count - 2 ? 'sidecar other' : undefined));
    for (const { name } of (await listSegments(scene.rig.wal)).slice(-2)) {
      await rm(join(scene.rig.wal, name));
    }
    await expect(scene.restore(SAFE)).rejects.toMatchObject({ code: 'REPOSITORY_DAMAGED' });
  });

  test('knows where a lane ended of which the last segment is damaged', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 60, 30);
    await scene.rig.archiveAll();
    const [first] = await scene.lanes();
    const before = await listSegments(scene.rig.wal);
    await writeLane(scene.rig.wal, 60, 30);
    // The lane after it isn't registered, and its first record is gone, too: the data directory says which one was before.
    for (const { name } of (await listSegments(scene.rig.wal)).slice(0, before.length + 1)) {
      await rm(join(scene.rig.wal, name));
    }
    await scene.harm(() => 'sidecar other');
    const { plan } = await scene.restore(SAFE, { allowHoles: true });
    const { lane, records } = present(first);
    expect(plan.holes).toContainEqual(
      expect.objectContaining({ lane, firstSeq: 1, lastSeq: records.length }),
    );
  });
});

function spanOf(lanes: readonly MadeLane[]): { startMs: number; endMs: number } {
  const all = lanes.flatMap(({ records }) => records.map(({ receivedAt }) => receivedAt));
  return { startMs: Math.min(...all), endMs: Math.max(...all) };
}

function timeIn(lanes: readonly MadeLane[], part: number): number {
  const { startMs, endMs } = spanOf(lanes);
  return Math.round(startMs + (endMs - startMs) * part);
}

const REFUSALS = new Set(['REPOSITORY_DAMAGED', 'HOLE_IN_THE_WAY', 'TIME_UNREACHABLE']);

async function unlessRefused<T>(restoring: Promise<T>): Promise<T | undefined> {
  try {
    return await restoring;
  } catch (error) {
    if (error instanceof WalError && REFUSALS.has(error.code)) return undefined;
    throw error;
  }
}

/** Without the records that a plan says to be missing, and what they say of refusals. */
function without(lanes: readonly MadeLane[], { holes, laterHoles }: RestorePlan): MadeLane[] {
  const all = [...holes, ...laterHoles];
  return lanes.map(({ lane, records }) => ({
    lane,
    records: records.map((record, index) => {
      const seq = index + 1;
      const isLost = all.some(
        (hole) => hole.lane === lane && hole.firstSeq <= seq && seq <= (hole.lastSeq ?? Infinity),
      );
      return isLost ? { ...record, lines: [] } : record;
    }),
  }));
}

function toldOf(plan: RestorePlan): string {
  const told: string[] = [];
  const output = { out: () => {}, err: (text: string) => told.push(text), isTerminal: false };
  textRestoreReport(output, Date.now)({ event: 'planned', ...plan });
  return told.join('');
}
