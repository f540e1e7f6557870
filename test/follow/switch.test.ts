import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Contained } from '../../src/record/lane-end.ts';
import type { Fork } from '../../src/record/fork.ts';
import { UNTOLD } from '../../src/proxy/primary-switch.ts';
import { KnownForks } from '../../src/follow/known-forks.ts';
import { PrimaryChoice } from '../../src/follow/primary-choice.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import type { Position } from '../../src/record/position.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { line } from './evidence.ts';
import { until } from '../kit/until.ts';
import { Rig } from './rig.ts';

const SINCE = { since: 1 };

function valuesIn(tsd: FakeTsd): Set<string> {
  return new Set(tsd.points.filter(({ metric }) => metric === 'm').map(({ value }) => value));
}

function upTo({ lane, seq }: Position): Contained {
  return { sinceMs: null, latestMs: null, lanes: new Map([[lane, { seq, receivedAt: 0 }]]) };
}

async function put(rig: Rig, ...values: readonly string[]): Promise<void> {
  for (const [at, value] of values.entries()) {
    const outcome = await rig.put('http', line('m', Number(value) * 10 + at, value));
    expect(outcome).toMatchObject({ kind: 'accepted', refusals: [] });
  }
}

/** Holds, and tells what the primary contained then, and the fork that undoes the rest. */
async function heldAsOf(
  rig: Rig,
  other: FakeTsd,
  at: number,
): Promise<{ contained: Contained; fork: Fork }> {
  await rig.proxy.feeding.hold();
  const { lanes, later } = await rig.proxy.feeding.endsAt(at, new URL(other.url));
  // That it is its primary already, without a promotion as of then, spares it nothing.
  expect((await rig.proxy.feeding.endsAt(at, new URL(rig.tsd.url))).later).toEqual(later);
  const has = new Map(lanes.map(({ lane, seq }) => [lane, { seq, receivedAt: at }]));
  const contained = { sinceMs: null, latestMs: at, lanes: has };
  return { contained, fork: { id: '0123456789abcdef', at, undone: later } };
}

async function between(rig: Rig): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  const at = rig.proxy.wal.now();
  await new Promise((resolve) => setTimeout(resolve, 10));
  return at;
}

async function saidIn(rig: Rig): Promise<readonly string[]> {
  const lines = (await rig.log()).flatMap((entry) => entry.lines);
  return lines.filter((text) => text.startsWith('!fork '));
}

describe.concurrent('a primary that is held', () => {
  test('gets nothing more, while writes are taken, also over a start; released, it gets all', async () => {
    await using rig = await Rig.start();
    await rig.live();
    await put(rig, '1');
    const state = await rig.proxy.feeding.hold();
    expect(state).toMatchObject({ url: rig.tsd.url, lanes: [{ ordinal: 1 }] });
    const sent = rig.tsd.points.length;
    await put(rig, '2');
    expect((await rig.proxy.feeding.hold()).lanes).toEqual(state.lanes);
    expect(rig.proxy.feeding.troubles).toEqual([expect.stringContaining('held')]);
    await rig.close();
    await rig.open();
    await put(rig, '3');
    expect((await rig.proxy.feeding.hold()).lanes).toEqual(state.lanes);
    expect(rig.tsd.points.length).toBe(sent);
    await rig.proxy.feeding.release();
    await rig.live();
    expect(valuesIn(rig.tsd)).toEqual(new Set(['1', '2', '3']));
    expect(rig.proxy.feeding.troubles).toEqual([]);
  });

  test('has answered or lost what was under way when the hold is answered, and nobody waits for it', async () => {
    const patient = { 'delivery.ackTimeout': '1h', 'delivery.requestTimeout': '1h' };
    await using rig = await Rig.start({ flags: patient });
    await rig.live();
    rig.tsd.faults = { delayMs: 3_600_000 };
    const answered = Promise.all([put(rig, '1'), rig.put('telnet', line('t', 1))]);
    await until(() => rig.tsd.points.length > 0 || rig.tsd.requests.length > 3, 'under way');
    await rig.proxy.feeding.hold();
    await answered;
    await until(() => rig.tsd.connections === 0, 'closed');
  });

  test('that is dead does not keep the hold from being made', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    await rig.tsd.stop();
    await put(rig, '1');
    await rig.proxy.feeding.hold();
    await rig.proxy.feeding.switchTo(
      new URL(other.url),
      upTo({ ...rig.proxy.wal.durable, seq: 1 }),
      SINCE,
    );
    await rig.live();
    expect(valuesIn(other)).toEqual(new Set(['1']));
  });
});

describe.concurrent('another primary', () => {
  test('gets what it did not contain, and all that comes; the old one gets nothing of that', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    await put(rig, '1', '2');
    await rig.confirmed();
    const { durable } = rig.proxy.wal;
    await put(rig, '3');
    await rig.proxy.feeding.hold();
    const old = rig.tsd.points.length;
    await put(rig, '4');
    const state = await rig.proxy.feeding.switchTo(new URL(other.url), upTo(durable), SINCE);
    expect(state).toMatchObject({
      url: other.url,
      configured: rig.tsd.url,
      heldSinceMs: undefined,
    });
    await rig.live();
    await put(rig, '5');
    expect(valuesIn(other)).toEqual(new Set(['3', '4', '5']));
    // Made again, it changes nothing.
    await rig.proxy.feeding.switchTo(new URL(other.url), upTo({ ...durable, seq: 1 }), SINCE);
    await rig.confirmed();
    await rig.close();
    await rig.open();
    await rig.live();
    await put(rig, '6');
    expect(valuesIn(other)).toEqual(new Set(['3', '4', '5', '6']));
    expect(other.points.filter(({ value }) => value === '3').length).toBeLessThan(4);
    expect(rig.tsd.points.length).toBe(old);
    await expect(rig.open({ primary: 'http://127.0.0.1:9' })).rejects.toThrow('names http://127');
  });

  describe('as of a moment', () => {
    test('gets what came since the hold, and nothing of what came after the moment, over starts too', async () => {
      await using rig = await Rig.start();
      await using other = await FakeTsd.start();
      await rig.live();
      await put(rig, '1');
      const at = await between(rig);
      await put(rig, '2', '3');
      const { contained, fork } = await heldAsOf(rig, other, at);
      await put(rig, '4');
      await rig.proxy.feeding.switchTo(new URL(other.url), contained, { fork, since: 1 });
      expect(await saidIn(rig)).toHaveLength(1);
      await rig.live();
      await put(rig, '5');
      expect(valuesIn(other)).toEqual(new Set(['4', '5']));
      // Before anything of it is confirmed, all is sent again.
      await rig.close();
      await rig.open();
      await rig.live();
      await put(rig, '6');
      await rig.confirmed();
      expect(valuesIn(other)).toEqual(new Set(['4', '5', '6']));
      // Asked once more, it says what was undone, not what came since.
      await rig.proxy.feeding.hold();
      expect((await rig.proxy.feeding.endsAt(at, new URL(other.url))).later).toEqual(fork.undone);
    });

    test('is fed only once the log has the fork, when a kill came between', async () => {
      await using rig = await Rig.start();
      await using other = await FakeTsd.start();
      await rig.live();
      await put(rig, '1');
      const at = await between(rig);
      await put(rig, '2');
      const { fork } = await heldAsOf(rig, other, at);
      await put(rig, '3');
      const begin = rig.proxy.wal.durable;
      await rig.close();
      const cursor = await Cursor.open(rig.data, 'primary');
      const choice = await PrimaryChoice.open(rig.data, rig.tsd.url, cursor);
      const first = { ...begin, seq: 1 };
      await choice.switchTo(new URL(other.url), first, { since: 1, fork });
      expect(await PrimaryChoice.open(rig.data, other.url, cursor)).toMatchObject({ fork });
      await rig.open();
      await rig.live();
      expect(await saidIn(rig)).toHaveLength(1);
      await rig.confirmed();
      expect(valuesIn(other)).toEqual(new Set(['1', '3']));
      await rig.close();
      await rig.open();
      await rig.live();
      expect(await saidIn(rig)).toHaveLength(1);
    });

    test('is refused where the fork does not name all that came after', async () => {
      await using rig = await Rig.start();
      await using other = await FakeTsd.start();
      await rig.live();
      await put(rig, '1');
      const at = await between(rig);
      await put(rig, '2');
      const { contained, fork } = await heldAsOf(rig, other, at);
      const none = { ...fork, undone: [] };
      const { feeding } = rig.proxy;
      const wrong = feeding.switchTo(new URL(other.url), contained, { fork: none, since: 1 });
      await expect(wrong).rejects.toThrow('does not name them');
      expect(feeding.state).toMatchObject({ url: rig.tsd.url });
      await feeding.release();
      await rig.live();
      await put(rig, '4');
      expect(valuesIn(rig.tsd)).toEqual(new Set(['1', '2', '4']));
    });
  });

  test('is not taken while the old one is fed, nor when it lacks what the log does not have any more', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    const { feeding, wal } = rig.proxy;
    const unheld = feeding.switchTo(new URL(other.url), upTo(wal.durable), SINCE);
    await expect(unheld).rejects.toMatchObject({ code: 'PROMOTE_REFUSED' });
    await feeding.hold();
    const again = await feeding.switchTo(new URL(rig.tsd.url), upTo(wal.durable), SINCE);
    expect(again).toMatchObject({ url: rig.tsd.url, heldSinceMs: undefined });
    expect(await feeding.probe(new URL(other.url))).toMatchObject({ kind: 'up' });
    expect(await feeding.probe(new URL('http://127.0.0.1:9'))).toMatchObject({ kind: 'down' });
  });
});

// One after the other: they break what all switches go through.
describe('another primary, as of a moment,', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('is fed only once the log was read for forks, when forks.json was lost; writes are taken meanwhile', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    await put(rig, '1');
    const at = await between(rig);
    await put(rig, '2');
    const { contained, fork } = await heldAsOf(rig, other, at);
    await rig.proxy.feeding.switchTo(new URL(other.url), contained, { fork, since: 1 });
    await rig.live();
    await rig.close();
    await rm(join(rig.data, 'forks.json'));
    const breaking = new AbortController();
    const reading = new Promise<never>((_resolve, reject) => {
      breaking.signal.addEventListener('abort', () => reject(new Error('the disk is broken')));
    });
    vi.spyOn(KnownForks.prototype, 'recall').mockReturnValueOnce(reading);
    await rig.open();
    await put(rig, '3');
    const { primary, feeding } = rig.proxy;
    const reason = 'forks.json is missing: the log is read first for what is undone';
    expect(primary.state).toEqual({ kind: 'down', reason });
    breaking.abort();
    await put(rig, '4');
    expect(primary.state).toEqual({ kind: 'down', reason });
    expect(valuesIn(other)).toEqual(new Set());
    await rig.live();
    expect(valuesIn(other)).toEqual(new Set(['3', '4']));
    await feeding.hold();
    expect((await feeding.endsAt(at, new URL(other.url))).later).toEqual(fork.undone);
  });

  test('says the fork in the log once, however often what follows that must be tried', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    const at = await between(rig);
    await put(rig, '1');
    const { contained, fork } = await heldAsOf(rig, other, at);
    const full = new Error('the disk is full');
    vi.spyOn(PrimaryChoice.prototype, 'told')
      .mockRejectedValueOnce(full)
      .mockRejectedValueOnce(full);
    await rig.proxy.feeding.switchTo(new URL(other.url), contained, { fork, since: 1 });
    expect(rig.proxy.primary.isHeld).toBe(true);
    await rig.live();
    expect(await saidIn(rig)).toHaveLength(1);
  });

  test('is fed in the end when the last step of the switch fails at first', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    const at = await between(rig);
    await put(rig, '1');
    const { contained, fork } = await heldAsOf(rig, other, at);
    await put(rig, '2');
    vi.spyOn(PrimaryChoice.prototype, 'release')
      .mockRejectedValueOnce(new Error('the disk is full'))
      .mockRejectedValueOnce(new Error('the disk is full'));
    await rig.proxy.feeding.switchTo(new URL(other.url), contained, { fork, since: 1 });
    await rig.live();
    await put(rig, '3');
    expect(valuesIn(other)).toEqual(new Set(['2', '3']));
  });

  test('is not fed before the log has the fork because a hold could not be written', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    const at = await between(rig);
    await put(rig, '1');
    const { contained, fork } = await heldAsOf(rig, other, at);
    const { feeding, primary, writePath } = rig.proxy;
    const log = vi.spyOn(writePath, 'logControl').mockResolvedValue(false);
    await feeding.switchTo(new URL(other.url), contained, { fork, since: 1 });
    expect(primary.state).toEqual({ kind: 'down', reason: UNTOLD });
    vi.spyOn(PrimaryChoice.prototype, 'holdAt').mockRejectedValueOnce(new Error('full'));
    await expect(feeding.hold()).rejects.toThrow('full');
    expect(primary.isHeld).toBe(true);
    expect(await saidIn(rig)).toEqual([]);
    log.mockRestore();
    await rig.live();
    expect(await saidIn(rig)).toHaveLength(1);
  });
});
