import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { primaryActions } from '../../src/proxy/primary-actions.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { line } from './evidence.ts';
import { Rig } from './rig.ts';

// As docs/PROMOTE.md has it where the standby was lost after it had stopped, and others were switched.
describe('a proxy whose standby is gone', () => {
  test('is switched with what it held, and the new primary gets what came since', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    await put(rig, '1');
    await rig.close();
    await rig.open();
    await put(rig, '2');
    await ask(rig, 'hold');
    await put(rig, '3');
    await rig.close();
    await rig.open();
    await put(rig, '4');
    const { lanes } = await ask(rig, 'hold');
    const contained = { sinceMs: null, latestMs: null, lanes: lanes.map(containedIn) };
    const since = Date.now();
    const switched = await ask(rig, 'switch', { to: other.url, since, contained });
    expect(switched.since).toBe(since);
    await rig.live();
    expect(valuesIn(other)).toEqual(new Set(['3', '4']));
  });

  test('is switched as of the moment with the fork of the others', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    await put(rig, '1');
    await rig.close();
    await rig.open();
    await put(rig, '2');
    const at = await between();
    await put(rig, '3');
    await ask(rig, 'hold');
    await put(rig, '4');
    const { later } = await ask(rig, 'ends', { at, to: other.url });
    const contained = { sinceMs: at, latestMs: at, lanes: [] };
    const fork = { id: '0123456789abcdef', at, undone: later };
    await ask(rig, 'switch', { to: other.url, since: 1, contained, fork });
    await rig.live();
    expect(valuesIn(other)).toEqual(new Set(['4']));
  });

  test('and the new primary, too, goes on with the old one from where that stood', async () => {
    await using rig = await Rig.start();
    await using other = await FakeTsd.start();
    await rig.live();
    await put(rig, '1');
    const { lanes } = await ask(rig, 'hold');
    const contained = { sinceMs: null, latestMs: null, lanes: lanes.map(containedIn) };
    await ask(rig, 'switch', { to: other.url, since: 1, contained });
    await rig.live();
    await put(rig, '2');
    await other.stop();
    await put(rig, '3');
    await rig.close();
    await rm(join(rig.data, 'primary-choice.json'));
    await rig.open();
    await rig.live();
    expect(rig.proxy.feeding.url.origin).toBe(rig.tsd.url);
    expect(valuesIn(rig.tsd)).toEqual(new Set(['1', '2', '3']));
  });
});

interface Answer {
  readonly since: number | null;
  readonly lanes: readonly { readonly lane: string; readonly seq: number; receivedBy: number }[];
  readonly later: readonly object[];
}

async function ask({ proxy }: Rig, step: string, body?: object): Promise<Answer> {
  const { [`/primary/${step}`]: act } = primaryActions(proxy.feeding);
  return JSON.parse(JSON.stringify(await act?.(body))) as Answer;
}

function containedIn({ lane, seq, receivedBy }: Answer['lanes'][number]): object {
  return { lane, seq, receivedAt: receivedBy };
}

async function put(rig: Rig, value: string): Promise<void> {
  const outcome = await rig.put('http', line('m', Number(value) * 10, value));
  expect(outcome).toMatchObject({ kind: 'accepted', refusals: [] });
}

/** A time that nothing was received at. */
async function between(): Promise<number> {
  await sleep(5);
  const at = Date.now();
  await sleep(5);
  return at;
}

function valuesIn(tsd: FakeTsd): Set<string> {
  return new Set(tsd.points.filter(({ metric }) => metric === 'm').map(({ value }) => value));
}
