import { describe, expect, test } from 'vitest';
import { lackingOf, type LaneEnd } from '../../../src/record/lane-end.ts';
import { systemClock, untilAborted } from '../../../src/runtime/clock.ts';
import { laneEnds } from '../../../src/wal/lane-ends.ts';
import { drainLookMs, isToFollowAgain } from '../../../src/standby/target/drain.ts';
import { until } from '../../kit/until.ts';
import { readLog } from '../../kit/wal-log.ts';
import { StandbyRig } from '../rig.ts';

const line = (n: number): string => `put m ${1_700_000_000 + n} ${n} a=b`;
const moment = (ms: number): Promise<void> => systemClock.sleep(ms, new AbortController().signal);

/** The end of the log as it is now. */
function ends(rig: StandbyRig): readonly LaneEnd[] {
  const { segments, durable } = rig.log.wal;
  return laneEnds(segments, durable, rig.log.wal.now());
}

/** Resolves once the drain is over; nothing that it was to contain is lacking then. */
async function promoted(rig: StandbyRig, wanted: readonly LaneEnd[]): Promise<void> {
  const { standby } = rig;
  expect(await rig.ended()).toBe('promoted');
  const { promotion, contained, lacking } = standby.drained;
  expect(promotion.kind).toBe('promoted');
  expect([lacking, lackingOf(wanted, contained)]).toEqual([[], []]);
}

test('a standby is looked at more often when something is to end it', () => {
  const fork = { id: '0123456789abcdef', at: 1, undone: [] };
  const [following, ...ending] = [
    drainLookMs({ kind: 'none' }, { stopAtMs: Infinity }),
    drainLookMs({ kind: 'none' }, { stopAtMs: 1 }),
    drainLookMs({ kind: 'draining', ends: [] }, { stopAtMs: Infinity }),
    drainLookMs({ kind: 'draining', ends: [], fork }, { stopAtMs: Infinity }),
  ];
  expect(following).toBe(1_000);
  expect(ending).toEqual([200, 200, 200]);
});

test('a standby that was promoted follows again by the first start that is told so, and by no flag that stays', () => {
  const promotion = { kind: 'promoted', sinceMs: 1 } as const;
  const told = [false, true].map((wasToldAgain) =>
    isToFollowAgain({ promotion, wasToldAgain }, true),
  );
  expect(told).toEqual([true, false]);
  expect(isToFollowAgain({ promotion, wasToldAgain: false }, false)).toBe(false);
  expect(isToFollowAgain({ promotion: { kind: 'none' }, wasToldAgain: false }, true)).toBe(false);
});

describe.concurrent('a standby that is drained', () => {
  test('is looked at as soon as that begins', async () => {
    let isStill = false;
    let passing = 0;
    await using slow = await StandbyRig.open({
      ...systemClock,
      sleep: async (ms, signal) => {
        // What waits then waits for ever: nobody looks by themselves.
        if (isStill && slow.standby.promotion.kind === 'none') return untilAborted(signal);
        passing += 1;
        await systemClock.sleep(ms, signal);
        passing -= 1;
      },
    });
    await slow.log.write([line(1)]);
    await slow.start();
    await slow.contained();
    isStill = true;
    await until(() => passing === 0, 'still');
    const { segments, durable } = slow.log.wal;
    await slow.standby.drain(laneEnds(segments, durable, slow.log.wal.now()));
    await until(() => slow.standby.promotion.kind === 'promoted', 'drained');
  });

  test('contains all up to the ends, whatever its delay, and sends nothing ever after', async () => {
    await using rig = await StandbyRig.open();
    await rig.log.write([line(1), line(2)]);
    await rig.reopenLog();
    await rig.log.write([line(3)], 'telnet');
    const wanted = ends(rig);
    expect(wanted).toHaveLength(2);
    await rig.start({ delayMs: 3_600_000 });
    await moment(100);
    expect(rig.tsd.points).toEqual([]);
    const { promotion, lacking, isSent } = await rig.standby.drain(wanted);
    expect([promotion.kind, lacking, isSent]).toEqual(['draining', wanted, false]);
    const isOnlyWatched = (): boolean =>
      rig.standby.drained.isSent && rig.standby.drained.lacking.length > 0;
    await until(isOnlyWatched, 'only watched');
    await promoted(rig, wanted);
    expect(rig.standby.drained.isSent).toBe(true);
    expect(new Set(rig.values('m'))).toEqual(new Set(['1', '2', '3']));
    const sent = rig.tsd.points.length;
    await rig.log.write([line(4)]);
    await rig.start();
    await promoted(rig, wanted);
    await moment(100);
    expect(rig.tsd.points.length).toBe(sent);
  });

  test('takes in what comes meanwhile only as far as it says', async () => {
    await using rig = await StandbyRig.open();
    await rig.start();
    let n = 0;
    const over = new AbortController();
    const writing = (async () => {
      while (!over.signal.aborted) await rig.log.write([line((n += 1))]);
    })();
    await until(() => rig.values('m').length > 20, 'followed');
    const wanted = ends(rig);
    const { standby } = rig;
    await standby.drain(wanted);
    await promoted(rig, wanted);
    over.abort();
    await writing;
    const { lane } = rig.log.wal.durable;
    const last = standby.place.lanes.get(lane)?.seq ?? 0;
    const { entries } = await readLog(rig.log.wal);
    const contained = entries.filter(
      ({ position }) => position.lane === lane && position.seq <= last,
    );
    const values = contained.flatMap(({ lines }) => lines.map((text) => text.split(' ')[3]));
    const puts = new Set(values.filter((value) => value !== undefined));
    expect(new Set(rig.values('m'))).toEqual(puts);
    expect(puts.size).toBeLessThan(n);
  });

  test('goes on with it after a kill, and after the target died with what it had not stored', async () => {
    await using rig = await StandbyRig.open();
    rig.tsd.storage.isOut = true;
    await rig.log.write([line(1)]);
    await rig.start();
    await until(() => rig.values('m').includes('1'), 'sent');
    await rig.standby.drain(ends(rig));
    await rig.stop();
    await rig.log.write([line(2)]);
    await rig.start();
    expect(rig.standby.drained.promotion.kind).toBe('draining');
    const wanted = ends(rig);
    await rig.standby.drain(wanted);
    await until(() => rig.values('m').includes('2'), 'sent');
    await rig.tsd.crash();
    rig.tsd.storage.isOut = false;
    await rig.tsd.start();
    await promoted(rig, wanted);
    expect(rig.tsd.storage.keys()).toHaveLength(2);
  });

  test('follows on when that is given up', async () => {
    await using rig = await StandbyRig.open();
    await rig.start();
    await rig.log.write([line(1)]);
    const [end] = ends(rig);
    const beyond = end && [{ ...end, seq: end.seq + 1_000_000 }];
    await rig.standby.drain(beyond ?? []);
    await moment(300);
    expect((await rig.standby.follow()).promotion.kind).toBe('none');
    await rig.log.write([line(2)]);
    await rig.contained();
    expect(rig.values('m')).toContain('2');
  });
});
