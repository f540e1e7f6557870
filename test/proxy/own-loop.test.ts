import { describe, expect, test } from 'vitest';
import { ownLoop } from '../../src/proxy/own-loop.ts';
import type { TopicFrame } from '../../src/record/topic-read.ts';
import { openDoor } from '../ingest/door.ts';
import { frameOf } from '../kit/frames.ts';
import { until } from '../kit/until.ts';
import { Rig } from '../follow/rig.ts';

const OTHER = 'bbbbbbbbbbbbbbbb';

describe('a proxy whose primary passes on', () => {
  test('to itself feeds nothing there, says why, and takes writes', async () => {
    let rig: Rig | undefined;
    const lane = (): string => rig?.proxy.wal.lane ?? '';
    let tsd = new URL('http://127.0.0.1:1');
    const { port, path } = await openDoor({ primary: () => tsd, lane });
    const flags = { primary: `http://127.0.0.1:${port}` };
    await using started = await Rig.start({ flags });
    rig = started;
    tsd = new URL(started.tsd.url);
    const { primary } = started.proxy;
    const reason = (): string => ('reason' in primary.state ? primary.state.reason : '');
    await until(() => reason().includes('through this proxy'), 'told');
    await started.put('http', 'put m 1700000000 1 a=b');
    expect(primary.state.kind).toBe('down');
    expect(path.submitted).toEqual([]);
    expect(await started.proxy.feeding.probe(new URL(flags.primary))).toMatchObject({
      kind: 'down',
      reason: expect.stringContaining('this proxy') as string,
    });
    expect(await started.proxy.feeding.probe(tsd)).toMatchObject({ kind: 'up' });
  });

  test('to an OpenTSDB, and logs elsewhere, feeds it', async () => {
    let tsd = new URL('http://127.0.0.1:1');
    const { port, path } = await openDoor({ primary: () => tsd, lane: () => OTHER });
    await using rig = await Rig.start({ flags: { primary: `http://127.0.0.1:${port}` } });
    tsd = new URL(rig.tsd.url);
    await rig.put('http', 'put m 1700000000 1 a=b');
    await until(() => path.submitted.length > 0, 'fed');
  });

  test('to one that writes to the same topic feeds nothing there, as far as Kafka tells', async () => {
    const wal = { segments: [] };
    const frame: TopicFrame = {
      ...frameOf(OTHER, 1, [{ receivedAt: 1, lines: [] }]),
      host: 'h',
      mutations: 0,
      partition: 0,
      offset: 0,
    };
    const barred = ownLoop(wal, { listen: (heard) => Promise.resolve(heard(frame)) });
    expect(await barred([], true)).toBeUndefined();
    expect(await barred(['aaaaaaaaaaaaaaaa'], true)).toBeUndefined();
    expect(await barred(['aaaaaaaaaaaaaaaa', OTHER], true)).toContain('the same topic');
    const away = ownLoop(wal, { listen: () => Promise.reject(new Error('away')) });
    expect(await away([OTHER], true)).toBeUndefined();
  });
});
