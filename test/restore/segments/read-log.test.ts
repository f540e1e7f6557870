import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TopicLog } from '../../../src/archive/topic/topic-log.ts';
import { writeLane } from '../../archive/archive-rig.ts';
import { listSegments } from '../../kit/wal-files.ts';
import { LogScene } from '../kit/log-scene.ts';

test('a restore with the log can be interrupted while it lists what went meanwhile', async () => {
  await using scene = await LogScene.create();
  await writeLane(scene.rig.wal, 60, 10);
  await scene.rig.archiveAll();
  await scene.hide((index) => index > 0);
  const found = await scene.find({ kind: 'safe' });
  await scene.commitHidden();
  for (const { name } of (await listSegments(scene.rig.wal)).slice(0, -1)) {
    await rm(join(scene.rig.wal, name));
  }
  const stop = new AbortController();
  const sources = { ...found.sources, topic: stopping(stop) };
  await expect(scene.finish({ ...found, sources }, {}, stop)).rejects.toMatchObject({
    name: 'AbortError',
  });
});

test('so it can while it looks for what else has the records of a damaged object', async () => {
  await using scene = await LogScene.create();
  await writeLane(scene.rig.wal, 40, 10);
  await scene.rig.archiveAll();
  await scene.harm((index) => (index === 1 ? 'data gone' : undefined));
  const found = await scene.find({ kind: 'safe' });
  const stop = new AbortController();
  const sources = { ...found.sources, topic: stopping(stop) };
  await expect(scene.finish({ ...found, sources }, {}, stop)).rejects.toMatchObject({
    name: 'AbortError',
  });
});

/** It is asked at a second listing, and its reading ends early. */
function stopping(stop: AbortController): TopicLog {
  return {
    topic: 't',
    brokers: [],
    ranges: () => {
      stop.abort();
      return Promise.resolve(new Map([[0, { low: 0, high: 1 }]]));
    },
    offsetsSince: () => Promise.resolve(new Map()),
    partitionOf: () => 0,
    read: async function* () {},
  };
}
