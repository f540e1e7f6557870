import { expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/catalog.ts';
import { computeCoverage, type Coverage } from '../../src/archive/coverage.ts';
import { retire } from '../../src/cli/lane-retire.ts';
import { ArchiveRig, line, writeLane } from '../archive/archive-rig.ts';
import { TestLog } from '../kit/wal-log.ts';

async function coverageOf({ repository }: ArchiveRig): Promise<Coverage> {
  return computeCoverage(await readCatalog(repository.store));
}

async function run(rig: ArchiveRig, lane: string, force = true): Promise<string> {
  let text = '';
  const code = await retire(lane, { repository: rig.place, force }, (more) => {
    text += more;
    return Promise.resolve(true);
  });
  expect(code).toBe(0);
  return text;
}

test('a lane that stopped in order is ended without a hole', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 20, 7);
  await rig.archiveAll();
  const lane = (await coverageOf(rig)).lanes[0]?.lane ?? '';
  expect((await coverageOf(rig)).lanes[0]?.coveredToMs).not.toBe('ended');
  expect(await run(rig, lane)).toContain('nothing of it is missing');
  expect(await coverageOf(rig)).toMatchObject({ lanes: [{ coveredToMs: 'ended' }], holes: [] });
});

test('a lane that broke off is ended with a hole behind it', async () => {
  await using rig = await ArchiveRig.create();
  const log = await TestLog.open(rig.wal);
  for (let n = 0; n < 5; n += 1) await log.write(line(n));
  log.wal.appendControl({ kind: 'cut' });
  const { lane } = log.wal.durable;
  await rig.archiveUntil(() => rig.archived.length > 0);
  expect(await run(rig, lane)).toContain('whatever it received later is missing');
  const { lanes, holes } = await coverageOf(rig);
  expect(lanes).toMatchObject([{ coveredToMs: 'ended' }]);
  expect(holes).toMatchObject([{ lane, lastSeq: null }]);
  await log.wal.close();
});

test('a lane that is unknown, has ended, or was written to a short while ago is refused', async () => {
  await using rig = await ArchiveRig.create();
  await writeLane(rig.wal, 20, 7);
  await rig.archiveAll();
  const lane = (await coverageOf(rig)).lanes[0]?.lane ?? '';
  await expect(run(rig, lane, false)).rejects.toMatchObject({ code: 'LANE_NOT_RETIRED' });
  await expect(run(rig, '0'.repeat(16))).rejects.toMatchObject({ code: 'LANE_NOT_RETIRED' });
  await run(rig, lane);
  await expect(run(rig, lane)).rejects.toThrow('has ended already');
});
