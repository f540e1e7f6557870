import { expect, test } from 'vitest';
import { assertNoLoop } from '../../../src/standby/process/assert-no-loop.ts';
import { ArchiveRig, line } from '../../archive/archive-rig.ts';
import { openDoor } from '../../ingest/door.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { freePort } from '../../kit/ports.ts';
import { TestLog } from '../../kit/wal-log.ts';

test('a target is given nothing of a repository that has what comes by it', async () => {
  await using rig = await ArchiveRig.create();
  await using tsd = await FakeTsd.start();
  const log = await TestLog.open(rig.wal);
  await log.write(line(0));
  const { lane } = log.wal.durable;
  await log.wal.close();
  await rig.archiveAll();
  const targetOf = async (own: string): Promise<URL> => {
    const { port } = await openDoor({ primary: new URL(tsd.url), lane: () => own });
    return new URL(`http://127.0.0.1:${port}`);
  };
  const refused = assertNoLoop(await targetOf(lane), rig.place);
  await expect(refused).rejects.toMatchObject({ code: 'STANDBY_LOOP', context: { lane } });
  await assertNoLoop(await targetOf('bbbbbbbbbbbbbbbb'), rig.place);
  await assertNoLoop(new URL(tsd.url), rig.place);
  await assertNoLoop(new URL(`http://127.0.0.1:${await freePort()}`), rig.place);
});
