import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';
import { TopicSource } from '../../../src/standby/topic/topic-source.ts';
import { type Door, openDoor } from '../../ingest/door.ts';
import { frameOf } from '../../kit/frames.ts';
import { until } from '../../kit/until.ts';
import { FakeSharedTopic } from '../topic/fake-shared-topic.ts';
import { StandbyRig } from '../rig.ts';

const OTHER = 'bbbbbbbbbbbbbbbb';
const line = (value: number): string => `put m ${1_700_000_000 + value} ${value} a=b`;

async function rigged(): Promise<StandbyRig> {
  const rig = await StandbyRig.open();
  onTestFinished(() => rig[Symbol.asyncDispose]());
  return rig;
}

/** The address of a proxy whose writes are counted, and whose reads the fake OpenTSDB answers. */
async function proxyBefore(
  rig: StandbyRig,
  lane: () => string,
): Promise<{ readonly target: URL; readonly path: Door['path'] }> {
  const { port, path } = await openDoor({ primary: new URL(rig.tsd.url), lane });
  return { target: new URL(`http://127.0.0.1:${port}`), path };
}

function sourceOf(topic: FakeSharedTopic): TopicSource {
  return new TopicSource({
    topic,
    clock: systemClock,
    isAnyBeginningRight: false,
    onForeign: () => undefined,
  });
}

describe('a standby whose target is a proxy', () => {
  test('ends where that writes the log that it follows, before anything is sent', async () => {
    const rig = await rigged();
    await rig.log.write([line(1)]);
    const { target, path } = await proxyBefore(rig, () => rig.log.wal.lane);
    await rig.start({ target });
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_LOOP' });
    expect(path.submitted).toEqual([]);
  });

  test('ends where that passes on to the one that writes the log', async () => {
    const rig = await rigged();
    await rig.log.write([line(1)]);
    const followed = await proxyBefore(rig, () => rig.log.wal.lane);
    const before = await openDoor({ primary: followed.target, lane: () => OTHER });
    await rig.start({ target: new URL(`http://127.0.0.1:${before.port}`) });
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_LOOP' });
    expect(before.path.submitted).toEqual([]);
  });

  test('feeds it where that logs elsewhere', async () => {
    const rig = await rigged();
    await rig.log.write([line(1)]);
    const { target, path } = await proxyBefore(rig, () => OTHER);
    await rig.start({ target });
    await until(() => path.submitted.length > 0, 'fed');
  });

  test('ends when a proxy of the followed log comes to be there, after a start without any', async () => {
    const rig = await rigged();
    await rig.log.write([line(1)]);
    let lane = OTHER;
    const { target, path } = await proxyBefore(rig, () => lane);
    await rig.tsd.stop();
    await rig.start({ target });
    await until(() => rig.standby.state.kind === 'down', 'down');
    lane = rig.log.wal.lane;
    await rig.tsd.start();
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_LOOP' });
    expect(path.submitted).toEqual([]);
  });
});

describe('a standby of a topic whose target is a proxy', () => {
  const nowMs = Date.now();
  const written = (lane: string, seq: number, value: number) =>
    frameOf(lane, seq, [{ receivedAt: nowMs + seq, lines: [line(value)] }]);

  test('ends where that writes to the topic, though that comes after all that it has to apply', async () => {
    const rig = await rigged();
    const topic = new FakeSharedTopic(2, systemClock);
    for (let seq = 1; seq < 100; seq += 1) topic.send(0, written('aaaaaaaaaaaaaaaa', seq, seq));
    topic.send(1, written(OTHER, 1, 1));
    const { target, path } = await proxyBefore(rig, () => OTHER);
    await rig.start({ target, source: sourceOf(topic) });
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_LOOP' });
    expect(path.submitted).toEqual([]);
  });

  test('ends as soon as the topic has the first word of that, though it was not there before', async () => {
    const rig = await rigged();
    const topic = new FakeSharedTopic(1, systemClock);
    topic.send(0, written('aaaaaaaaaaaaaaaa', 1, 1));
    const { target, path } = await proxyBefore(rig, () => OTHER);
    await rig.start({ target, source: sourceOf(topic) });
    await until(() => path.submitted.length > 0, 'fed');
    topic.send(0, written(OTHER, 1, 1));
    await expect(rig.ended()).rejects.toMatchObject({ code: 'STANDBY_LOOP' });
  });
});

describe('a standby whose target proxies feed since a promotion', () => {
  const nowMs = Date.now();
  const send = (topic: FakeSharedTopic, seq: number, primary: string, since = seq): void =>
    topic.send(
      0,
      frameOf('aaaaaaaaaaaaaaaa', seq, [{ receivedAt: nowMs + seq, lines: [line(seq)] }]),
      { since, primary },
    );

  test('ends before anything is sent, and when that comes to be', async () => {
    const rig = await rigged();
    const topic = new FakeSharedTopic(1, systemClock);
    send(topic, 1, 'http://other:4242');
    send(topic, 2, rig.tsd.url);
    await rig.start({ source: sourceOf(topic) });
    await expect(rig.ended()).rejects.toMatchObject({ code: 'TARGET_IS_PRIMARY' });
    expect(rig.tsd.points).toEqual([]);
  });

  test('follows where that was before another promotion, until it is one again', async () => {
    const rig = await rigged();
    const topic = new FakeSharedTopic(1, systemClock);
    for (let seq = 1; seq < 200; seq += 1) send(topic, seq, rig.tsd.url, 1);
    send(topic, 200, 'http://other:4242', 2);
    await rig.start({ source: sourceOf(topic) });
    await until(() => rig.tsd.points.some(({ value }) => value === '200'), 'fed');
    send(topic, 201, rig.tsd.url, 3);
    await expect(rig.ended()).rejects.toMatchObject({ code: 'TARGET_IS_PRIMARY' });
  });
});

test('a standby that is to apply nothing for an hour has seen who writes to the topic, to its end', async () => {
  const rig = await rigged();
  const nowMs = Date.now();
  const topic = new FakeSharedTopic(2, systemClock);
  const lines = [line(1)];
  topic.send(0, frameOf('aaaaaaaaaaaaaaaa', 1, [{ receivedAt: nowMs - 9, lines }]));
  topic.send(1, frameOf(OTHER, 1, [{ receivedAt: nowMs - 5, lines }]));
  await rig.start({ source: sourceOf(topic), delayMs: 3_600_000 });
  await until(() => rig.standby.seen.isComplete, 'looked');
  expect([...rig.standby.seen.lanes.keys()].toSorted()).toEqual(['aaaaaaaaaaaaaaaa', OTHER]);
  topic.send(0, frameOf('cccccccccccccccc', 1, [{ receivedAt: nowMs, lines }]));
  await until(() => rig.standby.seen.lanes.size === 3, 'seen');
  expect(rig.tsd.points).toEqual([]);
});

test('a standby of a topic that has come to the time to stop at says so', async () => {
  const rig = await rigged();
  const topic = new FakeSharedTopic(1, systemClock);
  const stopAtMs = Date.now() - 60_000;
  const [before, after] = [stopAtMs - 1_000, stopAtMs + 1_000].map((receivedAt, n) => {
    return frameOf(OTHER, n + 1, [{ receivedAt, lines: [line(n)] }]);
  });
  if (before !== undefined) topic.send(0, before);
  if (after !== undefined) topic.send(0, after);
  topic.hindered.set(0, 'away');
  await rig.start({ source: sourceOf(topic), stopAtMs });
  topic.hindered.clear();
  expect(await rig.ended()).toBe('reached');
  expect(new Set(rig.values('m'))).toEqual(new Set(['0']));
});
