import { rm } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { parseStandby } from '../../../src/cli/standby/parse-standby.ts';
import { lookAtTarget, type TargetLookOptions } from '../../../src/standby/process/target-look.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { StateDirectory } from '../../../src/standby/target/state-directory.ts';
import { Cursor } from '../../../src/wal/cursor.ts';
import type { FakeTsd } from '../../kit/fake-tsd.ts';
import { until } from '../../kit/until.ts';
import { StandbyRig } from '../rig.ts';

const HOUR_MS = 3_600_000;

/** A log with one point of the metric `m`, and an OpenTSDB that holds a later value of that. */
async function rigged(): Promise<StandbyRig> {
  const rig = await StandbyRig.open();
  onTestFinished(() => rig[Symbol.asyncDispose]());
  await rig.log.write(['put m 1700000000 1 a=b']);
  store(rig.tsd, 'm', '2');
  return rig;
}

function store(
  { storage }: FakeTsd,
  metric: string,
  value: string,
  timestamp = '1700000000',
): void {
  storage.write({ transport: 'http', metric, timestamp, value, tags: { a: 'b' } });
  storage.flush();
}

/** Starts a new standby as the command does. What it warns of is added to `warned`. */
async function start(
  rig: StandbyRig,
  begin?: string,
  warned: unknown[] = [],
  limits?: TargetLookOptions['limits'],
): Promise<void> {
  const flags = { target: rig.tsd.url, state: rig.statePath, data: rig.data };
  const config = await loadConfig({ environment: {}, flags: { data: rig.data } });
  const request = parseStandby({ ...flags, ...(begin !== undefined && { begin }) }, config);
  const logger = createLogger('error');
  logger.warn = (...said: readonly unknown[]) => void warned.push(said);
  const { signal } = new AbortController();
  const place = beginningAt(request.begin.kind === 'at' ? request.begin.ms : null);
  const state = await StateDirectory.open(rig.statePath, request.target, false);
  if (state.state.place === undefined) await state.save({ place });
  await state.close();
  const around = {
    request,
    data: rig.data,
    logger,
    nowMs: Date.now(),
    signal,
    ...(limits && { limits }),
  };
  await rig.start({
    begin: place,
    vet: async (known) => lookAtTarget({ ...around, state: known }),
  });
}

test('a target that holds data is refused, is sent nothing, and can be begun with in another way', async () => {
  const rig = await rigged();
  for (let other = 0; other < 20; other += 1) store(rig.tsd, `other.${other}`, '1');
  await start(rig);
  await expect(rig.ended()).rejects.toMatchObject({
    code: 'TARGET_UNUSABLE',
    message: expect.stringMatching(
      /^http:\S+ holds data already, of (\S+, ){4}\S+ and others: all that is followed would/,
    ) as string,
    hint: expect.stringMatching(/empty tables.*--begin TIME.*--begin oldest/) as string,
  });
  expect(rig.tsd.points).toEqual([]);
  await start(rig, String(Date.now() - HOUR_MS));
  await until(() => rig.values('m').length > 0, 'fed');
});

test('the primary that the log feeds is called that', async () => {
  const rig = await rigged();
  const cursor = await Cursor.open(rig.data, 'primary');
  cursor.belongTo(rig.tsd.url);
  await cursor.move(rig.log.wal.durable);
  await start(rig);
  const message = `${rig.tsd.url} is the primary that the log of ${rig.data} feeds, and holds data already, of m:`;
  await expect(rig.ended()).rejects.toMatchObject({
    message: expect.stringContaining(message) as string,
  });
});

test('of very many metrics some are looked at, from all, and it is told when these hold nothing', async () => {
  const rig = await rigged();
  for (let other = 10; other < 30; other += 1) store(rig.tsd, `other.${other}`, '1');
  const asked = new Set<string>();
  rig.tsd.faults.query = ({ queries }) => {
    for (const { metric } of queries) asked.add(metric);
    return { status: 200, body: '[]' };
  };
  const warned: unknown[] = [];
  await start(rig, undefined, warned, { metricsMax: 3, toldMax: 1 });
  await rig.contained();
  expect([...asked].toSorted()).toEqual(['m', 'other.16', 'other.23']);
  const counts = { metrics: 21, asked: 3 };
  expect(warned).toEqual([[counts, expect.stringContaining('none of those that were') as string]]);
});

test('a target that holds later points than it is said to contain is fed with a warning', async () => {
  const rig = await rigged();
  const warned: unknown[] = [];
  const begin = Date.now() - HOUR_MS;
  await start(rig, String(begin), warned);
  await rig.contained();
  await rig.stop();
  expect(warned).toEqual([]);
  await rm(rig.statePath, { recursive: true });
  store(rig.tsd, 'late', '3', String(Date.now() - 1_000));
  await start(rig, String(begin), warned);
  await rig.contained();
  expect(warned).toEqual([
    [
      expect.objectContaining({ metrics: 'late' }),
      expect.stringContaining('later points') as string,
    ],
  ]);
});

test('a target that holds nothing, and is said to contain everything up to a time, is fed with a warning', async () => {
  const rig = await rigged();
  rig.tsd.storage.empty();
  const warned: unknown[] = [];
  await start(rig, String(Date.now() - HOUR_MS), warned);
  await rig.contained();
  expect(warned).toEqual([
    [expect.anything(), expect.stringContaining('the target holds no metric') as string],
  ]);
});

test('what was fed before is fed on', async () => {
  const rig = await rigged();
  rig.tsd.storage.empty();
  const warned: unknown[] = [];
  await start(rig, undefined, warned);
  await rig.contained();
  await rig.stop();
  await rig.log.write(['put m 1700000001 3 a=b']);
  await start(rig, undefined, warned);
  await rig.contained();
  expect(rig.values('m')).toContain('3');
  expect(warned).toEqual([]);
});

test.each([
  ['that holds data, and is begun with the oldest record', 'oldest', 'rw', 'is put over it'],
  ['that answers no queries', undefined, 'wo', 'was not looked at'],
] as const)('a target %s, is fed with a warning', async (_, begin, mode, says) => {
  const rig = await rigged();
  rig.tsd.settings['tsd.mode'] = mode;
  if (mode === 'wo') rig.tsd.faults = { suggestStatus: 404 };
  const warned: unknown[] = [];
  await start(rig, begin, warned);
  await rig.contained();
  expect(warned).toEqual([expect.arrayContaining([expect.stringContaining(says)])]);
});

test('a target is sent nothing while it cannot be told whether it is empty', async () => {
  const rig = await rigged();
  rig.tsd.storage.empty();
  rig.tsd.faults = { suggestStatus: 500 };
  await start(rig);
  await until(() => rig.standby.state.kind === 'down', 'down');
  expect(rig.standby.state).toMatchObject({
    reason: "it can't be told whether it is empty: it does not answer /api/suggest",
  });
  expect(rig.tsd.points).toEqual([]);
  rig.tsd.faults = {};
  await rig.contained();
});

test('a time to come is no begin: all that is followed would be passed over', async () => {
  const rig = await rigged();
  await expect(start(rig, String(Date.now() + HOUR_MS))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/^--begin \d+ is yet to come$/) as string,
  });
});
