import { rename, rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { beginningAt } from '../../src/standby/place.ts';
import { until } from '../kit/until.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { present } from '../kit/wal-log.ts';
import { StandbyRig } from './rig.ts';

const line = (metric: string, n: number, value: number | string = n): string =>
  `put ${metric} ${1_700_000_000 + n} ${value} a=b`;

const moment = (ms = 60): Promise<void> => systemClock.sleep(ms, new AbortController().signal);

/** Lets this much time pass, in small steps, with what must be done in between. */
async function pass(clock: AdvancingClock, seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at += 5) {
    clock.advance(5_000);
    await moment();
  }
}

describe.concurrent('a standby of a local log', () => {
  test('gets everything by the transport it came by, over starts of the proxy, also what is written meanwhile', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.log.write([line('m', 1), line('m', 2)]);
    await rig.log.write([line('t', 1)], 'telnet');
    await rig.start();
    await rig.contained();
    await rig.reopenLog();
    await rig.log.write([line('m', 3)]);
    await rig.contained();
    expect(new Set(rig.values('m'))).toEqual(new Set(['1', '2', '3']));
    expect(rig.tsd.points.find(({ metric }) => metric === 't')?.transport).toBe('telnet');
    expect(rig.standby.lag).toEqual({ records: 0, seconds: 0 });
  });

  test('goes on where its state says, and sends nothing of before again', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.log.write([line('before', 1)]);
    await rig.start();
    await rig.contained();
    await rig.stop();
    rig.tsd.points.length = 0;
    await rig.log.write([line('after', 1)]);
    await rig.start();
    await rig.contained();
    expect(rig.values('before')).toEqual([]);
    expect(rig.values('after')).toContain('1');
  });

  test('sends again what was not confirmed when it ended', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.log.write([line('m', 1)]);
    await rig.start();
    await until(() => rig.values('m').length > 0, 'sent');
    await rig.stop();
    await rig.tsd.crash();
    await rig.tsd.start();
    await rig.start();
    await rig.contained();
    expect(rig.tsd.storage.keys()).toHaveLength(1);
  });

  test('loses nothing when the target dies with what it had not stored, and says how far it is behind meanwhile', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.start();
    await rig.log.write([line('m', 1)]);
    await rig.contained();
    rig.tsd.storage.isOut = true;
    await rig.log.write([line('m', 2)]);
    await until(() => rig.values('m').includes('2'), 'sent');
    await rig.tsd.crash();
    rig.tsd.storage.isOut = false;
    await rig.log.write([line('m', 3)]);
    await until(() => rig.standby.lag.records > 0 && rig.standby.state.kind === 'down', 'behind');
    await rig.tsd.start();
    await rig.contained();
    expect(rig.tsd.storage.keys()).toHaveLength(3);
  });

  test('leaves the later of two values of one instant', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.start();
    for (const value of [1, 300, 2, 70_000, 3]) await rig.log.write([line('m', 1, value)]);
    await rig.contained();
    const [key = ''] = rig.tsd.storage.keys();
    expect(rig.tsd.storage.read(key)?.value).toBe('3');
  });

  test('begins after a time up to which the target has everything', async () => {
    const clock = new AdvancingClock();
    await using rig = await StandbyRig.open(clock);
    await rig.log.write([line('m', 1)]);
    clock.advance(1_000);
    const sinceMs = rig.log.wal.now();
    clock.advance(1_000);
    await rig.log.write([line('m', 2)]);
    await rig.start({ begin: beginningAt(sinceMs) });
    await rig.contained();
    expect(new Set(rig.values('m'))).toEqual(new Set(['2']));
  });

  test('names the records that the log has lost, and goes on after them', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.log.write([line('m', 1)]);
    await rig.start();
    await rig.contained();
    await rig.stop();
    const lost = present(await rig.log.write([line('m', 2)])).position;
    await rig.reopenLog();
    const [first] = rig.log.wal.segments;
    await rm(present(first).path);
    await rig.log.write([line('m', 3)]);
    await rig.start();
    await rig.contained();
    expect(rig.holes).toMatchObject([{ lane: lost.lane, from: lost.seq }]);
    expect(rig.values('m')).toContain('3');
  });
});

describe.concurrent('a state', () => {
  test('of another target, another log or an older copy of the log is refused', async () => {
    const clock = new AdvancingClock();
    await using rig = await StandbyRig.open(clock);
    await rig.log.write([line('m', 1)]);
    await rig.start();
    await rig.contained();
    await rig.stop();
    const other = await StandbyRig.open(clock);
    await other.log.write([line('m', 1)]);
    const { StateDirectory } = await import('../../src/standby/target/state-directory.ts');
    const { LogSource } = await import('../../src/standby/source/log-source.ts');
    const { PublishedLog } = await import('../../src/wal/published-log.ts');
    await expect(
      StateDirectory.open(rig.statePath, new URL(other.tsd.url), false),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const state = await StateDirectory.open(rig.statePath, new URL(rig.tsd.url), false);
    const place = present(state.state.place);
    await state.close();
    const foreign = new LogSource(await PublishedLog.open(other.data));
    await expect(foreign.seek(place)).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
    const [[lane, at] = ['', undefined]] = [...place.lanes].slice(-1);
    const ahead = { ...place, lanes: new Map([[lane, { ...present(at), seq: 1_000 }]]) };
    const own = new LogSource(await PublishedLog.open(rig.data));
    await expect(own.seek(ahead)).rejects.toMatchObject({ code: 'WAL_ROLLED_BACK' });
    await other[Symbol.asyncDispose]();
  });

  test('takes another target where the one before never answered, and only there', async () => {
    await using rig = await StandbyRig.open();
    await rig.log.write([line('m', 1)]);
    await rig.start({ target: new URL('http://127.0.0.1:1') });
    await until(() => rig.standby.sentToMs > 0, 'let pass');
    await rig.standby.pause();
    await rig.stop();
    await rig.start();
    // What was said of the standby counts on, and nothing that was said of its target.
    expect(rig.standby.sentToMs).toBe(0);
    await rig.standby.resume();
    await rig.contained();
    expect(rig.values('m')).toContain('1');
    await rig.stop();
    await expect(rig.start({ target: new URL('http://127.0.0.1:1') })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('named by mistake') as string,
    });
  });

  test('sends nothing before it is written down that its target was reached', async () => {
    await using rig = await StandbyRig.open();
    await rig.log.write([line('m', 1)]);
    await rig.tsd.crash();
    await rig.start();
    await until(() => rig.standby.sentToMs > 0, 'let pass');
    const away = `${rig.statePath}-away`;
    await rename(rig.statePath, away);
    await rig.tsd.start();
    const isRefused = (): boolean =>
      'reason' in rig.standby.state && rig.standby.state.reason.includes('cannot be written down');
    await until(isRefused, 'refused');
    expect(rig.values('m')).toEqual([]);
    await rename(away, rig.statePath);
    await rig.contained();
    expect(rig.values('m')).toContain('1');
  });
});

describe.concurrent('a gate', () => {
  test('lets nothing pass before its delay is over, and everything then', async () => {
    const clock = new AdvancingClock();
    await using rig = await StandbyRig.open(clock);
    await rig.log.write([line('m', 1)]);
    clock.advance(600_000);
    await rig.log.write([line('m', 2)]);
    const receivedAt = rig.log.wal.now();
    await rig.start({ delayMs: 900_000 });
    clock.advance(310_000);
    await until(() => rig.values('m').includes('1'), 'the first is through');
    expect(rig.values('m')).not.toContain('2');
    await until(() => rig.standby.lag.seconds >= 310, 'lag');
    clock.advance(receivedAt + 895_000 - clock.now());
    await moment(300);
    expect(rig.values('m')).not.toContain('2');
    clock.advance(5_100);
    await rig.contained();
    expect(rig.values('m')).toContain('2');
  });

  test('ends it once everything up to the time to stop at is contained, and nothing after', async () => {
    const clock = new AdvancingClock();
    await using rig = await StandbyRig.open(clock);
    await rig.log.write([line('m', 1)]);
    clock.advance(1_000);
    const stopAtMs = rig.log.wal.now();
    clock.advance(1_000);
    await rig.log.write([line('m', 2)]);
    await rig.start({ stopAtMs });
    expect(await rig.ended()).toBe('reached');
    expect(rig.states.at(-1)).not.toBe('down');
    expect(rig.values('m').every((value) => value === '1')).toBe(true);
    expect(rig.tsd.storage.keys()).toHaveLength(1);
  });

  test('stays closed while it is paused, over a start, until it is told to go on', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    await rig.start();
    await rig.standby.pause();
    await rig.log.write([line('m', 1)]);
    await until(() => rig.standby.lag.records > 0, 'seen');
    await rig.stop();
    await rig.start();
    await until(() => rig.standby.lag.records > 0, 'seen');
    expect(rig.values('m')).toEqual([]);
    await rig.standby.resume();
    await rig.contained();
    expect(rig.values('m')).toContain('1');
  });
});

describe.concurrent('a point that the primary refused', () => {
  test('is left out when that is known, and its neighbours are not', async () => {
    await using rig = await StandbyRig.open(new AdvancingClock());
    const { position } = present(await rig.log.write([line('m', 1), line('x', 2), line('m', 3)]));
    rig.log.wal.appendControl({
      kind: 'outcome',
      lane: position.lane,
      seq: position.seq,
      refused: [{ index: 1, error: 'Unknown metric' }],
    });
    await rig.log.settle();
    await rig.start();
    await rig.contained();
    expect(rig.values('x')).toEqual([]);
    expect(new Set(rig.values('m'))).toEqual(new Set(['1', '3']));
  });

  test('is no dead letter of the target, but one that only the target refuses is', async () => {
    const clock = new AdvancingClock();
    await using rig = await StandbyRig.open(clock);
    rig.tsd.faults = { unknownMetrics: new Set(['x', 'y']) };
    const written = present(await rig.log.write([line('m', 1), line('x', 2), line('y', 3)]));
    const { lane, seq } = written.position;
    await rig.start();
    await until(() => rig.standby.open.suspects === 2, 'refused');
    rig.log.wal.appendControl({
      kind: 'outcome',
      lane,
      seq,
      refused: [{ index: 1, error: 'Unknown metric' }],
    });
    await rig.log.settle();
    await pass(clock, 90);
    await until(() => rig.standby.open.suspects === 0, 'given up');
    await rig.contained();
    expect(await rig.letters()).toMatchObject([{ lane, seq, index: 2, line: line('y', 3) }]);
  });
});
