import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fork } from '../../src/record/fork.ts';
import { lackingOf, type LaneEnd } from '../../src/record/lane-end.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { beginningAt } from '../../src/standby/place.ts';
import { endsAt } from '../../src/wal/ends-at.ts';
import { laneEnds } from '../../src/wal/lane-ends.ts';
import { PublishedLog } from '../../src/wal/published-log.ts';
import { until } from '../kit/until.ts';
import { present } from '../kit/wal-log.ts';
import { StandbyRig } from './rig.ts';

const HOUR_MS = 3_600_000;
const line = (n: number, value = n): string => `put m ${1_700_000_000 + n} ${value} a=b`;
const moment = (ms: number): Promise<void> => systemClock.sleep(ms, new AbortController().signal);

let rig: StandbyRig;

beforeEach(async () => {
  rig = await StandbyRig.open();
});
afterEach(() => rig[Symbol.asyncDispose]());

/** The log as it was at a time, and a fork that undoes what it has received since. */
async function forkAt(
  at: number,
  id = '0123456789abcdef',
): Promise<{ readonly ends: readonly LaneEnd[]; readonly fork: Fork }> {
  const { wal } = rig.log;
  const { lanes, later } = await endsAt(wal, laneEnds(wal.segments, wal.durable, wal.now()), at);
  return { ends: lanes, fork: { id, at, undone: later } };
}

/** A time between what was written and what will be. */
async function between(): Promise<number> {
  await moment(10);
  const at = rig.log.wal.now();
  await moment(10);
  return at;
}

/** The line 1 is written, then the line 2, which the fork undoes. */
async function forkBetween() {
  await rig.log.write([line(1)]);
  const at = await between();
  await rig.log.write([line(2)]);
  return { at, ...(await forkAt(at)) };
}

async function tell(fork: Fork): Promise<void> {
  const position = present(rig.log.wal.appendControl({ kind: 'fork', ...fork }));
  // What is not published yet the standby could not know of.
  await until(
    async () => (await PublishedLog.open(rig.data)).durable.seq >= position.seq,
    'published',
  );
}

describe('a standby that is drained as of a moment', () => {
  test('contains what was received by then, and never gets what came after', async () => {
    await rig.log.write([line(1), line(2)]);
    const at = await between();
    await rig.log.write([line(1, 666), line(3)]);
    const { ends, fork } = await forkAt(at);
    await rig.start({ delayMs: HOUR_MS });
    await rig.standby.drain(ends, fork);
    // It is killed on the way.
    await rig.stop();
    await rig.start();
    expect(rig.standby.drained.promotion).toMatchObject({ kind: 'draining', fork });
    await moment(50);
    // Nothing later was let pass meanwhile.
    await rig.standby.drain(ends, fork);
    const { standby } = rig;
    expect(await rig.ended()).toBe('promoted');
    expect(new Set(rig.values('m'))).toEqual(new Set(['1', '2']));
    expect(standby.drained.promotion).toMatchObject({ kind: 'promoted', fork });
    expect(standby.place.latestMs).toBeLessThanOrEqual(at);
    expect(standby.place.lanes.get(ends[0]?.lane ?? '')?.seq).toBe(ends[0]?.seq);
  });

  test('is over at once when its target was restored to that moment', async () => {
    const { at, ends, fork } = await forkBetween();
    await rig.start({ delayMs: HOUR_MS, begin: beginningAt(at) });
    const { standby } = rig;
    await standby.drain(ends, fork);
    expect(await rig.ended()).toBe('promoted');
    expect(rig.values('m')).toEqual([]);
    expect(lackingOf(ends, standby.drained.contained)).toEqual([]);
  });

  test('is over only once all that was received by then has come', async () => {
    await rig.log.write([line(1)]);
    const at = await between();
    await rig.start();
    // Nothing that came later shows yet that all of it is there.
    const { ends, fork } = await forkAt(at + 60_000);
    const { standby } = rig;
    await standby.drain(ends, fork);
    await rig.log.write([line(2)]);
    await until(() => rig.values('m').includes('2'), 'sent');
    await moment(700);
    expect(standby.drained.promotion.kind).toBe('draining');
  });

  test('is refused when its target may have more, also after a start', async () => {
    await rig.log.write([line(1)]);
    const at = await between();
    await rig.log.write([line(2)]);
    await rig.start();
    await until(() => rig.values('m').includes('2'), 'sent');
    const { ends, fork } = await forkAt(at);
    const refused = { code: 'PROMOTE_REFUSED' };
    await expect(rig.standby.drain(ends, fork)).rejects.toMatchObject(refused);
    // Nothing of that was confirmed: what it contains says less than what it was sent.
    await rig.stop();
    await rig.start({ delayMs: HOUR_MS });
    await expect(rig.standby.drain(ends, fork)).rejects.toMatchObject(refused);
    expect(rig.standby.drained.promotion.kind).toBe('none');
  });

  test('is refused when more is about to be sent', async () => {
    // It is paused from its start on: even the log's first record has it write down that more may be sent, by a second.
    await rig.start({ delayMs: HOUR_MS });
    await rig.standby.pause();
    await rig.stop();
    await rig.start();
    const { at, ends, fork } = await forkBetween();
    const isTaken = (): boolean => rig.takenSeq >= rig.log.wal.durable.seq;
    await until(() => isTaken() && rig.standby.seen.isComplete, 'read, and looked through');
    await rig.standby.resume();
    // How far it may send is only being written down.
    expect(rig.standby.sentToMs).toBeLessThanOrEqual(at);
    await expect(rig.standby.drain(ends, fork)).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    expect(rig.standby.drained.promotion.kind).toBe('none');
  });

  test('follows on when the drain could not be written down', async () => {
    await rig.start();
    await rig.standby.pause();
    const { ends, fork } = await forkBetween();
    const file = join(rig.statePath, 'standby.json');
    await rm(file);
    await mkdir(file);
    await expect(rig.standby.drain(ends, fork)).rejects.toThrow('EISDIR');
    await rmdir(file);
    expect(rig.standby.drained.promotion.kind).toBe('none');
    await rig.standby.resume();
    await until(() => rig.values('m').includes('2'), 'followed on');
  });

  test('may be asked again with another fork at that moment, and for nothing else', async () => {
    const { at, ends, fork } = await forkBetween();
    await rig.start({ delayMs: HOUR_MS });
    const { standby } = rig;
    await standby.drain(ends, fork);
    await expect(standby.drain(ends)).rejects.toThrow('as of');
    await until(() => standby.drained.promotion.kind === 'promoted', 'promoted');
    const other = { ...fork, id: 'f'.repeat(16) };
    expect((await standby.drain(ends, other)).promotion).toMatchObject({ fork: other });
    await expect(standby.drain(ends, { ...fork, at: at - 1 })).rejects.toThrow('as of');
    await rig.ended();
    await rig.start();
    expect(rig.standby.drained.promotion).toMatchObject({ fork: other });
    // Somebody may have been switched with that.
    const fewer = { ...fork, id: 'e'.repeat(16), undone: [] };
    await expect(rig.standby.drain(ends, fewer)).rejects.toThrow('and not by e');
    expect(rig.standby.drained.promotion).toMatchObject({ fork: other });
    const elsewhere = { ...fork, at: at - 1 };
    await expect(rig.standby.drain(ends, elsewhere)).rejects.toThrow('as of');
    await expect(rig.standby.drain(ends)).rejects.toThrow('as of');
  });
});

describe('a standby that comes to a fork', () => {
  test('leaves out what is undone, when it has sent nothing of that, over a start too', async () => {
    await rig.log.write([line(1)]);
    const at = await between();
    await rig.log.write([line(1, 666), line(2)]);
    const { fork } = await forkAt(at);
    await tell(fork);
    await rig.start({ delayMs: HOUR_MS });
    await until(() => rig.forks.length > 0, 'met');
    await rig.stop();
    await rig.start();
    await rig.log.write([line(3)]);
    // Another lane says it once more.
    await tell(fork);
    await rig.log.write([line(4)]);
    await rig.contained();
    expect(new Set(rig.values('m'))).toEqual(new Set(['1', '3', '4']));
  });

  test('leaves it out where that is said further on than it reads ahead', async () => {
    await rig.log.write([line(1)]);
    const at = await between();
    const filler = 'x'.repeat(900);
    const long = Array.from({ length: 200 }, (_, n) => `${line(n, 666)} filler=${filler}`);
    for (let n = 0; n < 50; n += 1) await rig.log.write(long);
    const { fork } = await forkAt(at);
    await tell(fork);
    await rig.log.write([line(3)]);
    await rig.start();
    await rig.contained();
    expect(new Set(rig.values('m'))).toEqual(new Set(['1', '3']));
  });

  test('goes on when it was begun after it and is told of it again', async () => {
    const { fork } = await forkBetween();
    await tell(fork);
    const begin = beginningAt(await between());
    await rig.log.write([line(3)]);
    await rig.start({ begin });
    await until(() => rig.values('m').includes('3'), 'followed');
    await tell(fork);
    await rig.log.write([line(4)]);
    await rig.contained();
    await rig.stop();
    expect(await rig.knownForks()).toEqual([fork.id]);
    // So it is after a start, and for all that is told of others.
    await rig.start();
    await tell(fork);
    await tell({ ...fork, id: 'f'.repeat(16) });
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_FORKED' });
    expect(new Set(rig.values('m'))).toEqual(new Set(['3', '4']));
  });

  test('keeps all that it came to at once', async () => {
    await rig.log.write([line(1)]);
    const at = await between();
    await rig.log.write([line(2)]);
    const { fork } = await forkAt(at);
    const other = { ...fork, id: 'f'.repeat(16) };
    await tell(fork);
    await tell(other);
    await rig.start({ delayMs: HOUR_MS });
    await until(() => rig.forks.length > 1, 'met');
    await rig.stop();
    expect(await rig.knownForks()).toEqual([fork.id, other.id]);
  });

  test('ends when its target has something of what is undone, and does not follow on', async () => {
    await rig.start();
    await rig.log.write([line(1)]);
    const at = await between();
    await rig.log.write([line(2)]);
    await until(() => rig.values('m').includes('2'), 'sent');
    const { fork } = await forkAt(at);
    await tell(fork);
    await rig.log.write([line(3)]);
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_FORKED' });
    expect(rig.values('m')).not.toContain('3');
    expect(await rig.forked()).toContain('went on from');
  });
});
