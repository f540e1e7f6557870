import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formerHome } from '../../src/archive/write/former-home.ts';
import { Elsewhere } from '../../src/proxy/elsewhere.ts';
import { loadConfig } from '../../src/config/load.ts';
import { meetTopic } from '../../src/kafka/former-topic.ts';
import { TopicPlace } from '../../src/kafka/topic-place.ts';
import { Rig } from '../follow/rig.ts';
import { tempDirectory } from '../kit/temp.ts';

const primary = (): string => 'http://tsdb:4242';

test('that another repository is archived to than before is told until the note of it is gone', async () => {
  await using folder = await tempDirectory('elsewhere');
  const data = folder.path;
  const flags = { data, repository: '/mnt/archvie' };
  const elsewhere = new Elsewhere(await loadConfig({ environment: {}, flags }), primary);
  const off = new Elsewhere(
    await loadConfig({ environment: {}, flags: { ...flags, archive: 'off' } }),
    primary,
  );
  await elsewhere.look();
  expect(elsewhere.troubles).toEqual([]);
  const before = { repository: '0123456789abcdef', place: '/mnt/archive', until: 0 };
  await formerHome(data).write(before);
  for (const one of [elsewhere, off]) await one.look();
  expect(elsewhere.troubles).toEqual([
    expect.stringContaining(
      '/mnt/archvie is another repository than this directory was archived to before: until 1970-01-01T00:00:00.000Z that was /mnt/archive (id 0123456789abcdef)',
    ),
  ]);
  expect(off.troubles).toEqual([]);
  await rm(join(data, 'archive-before.json'));
  await elsewhere.look();
  expect(elsewhere.troubles).toEqual([]);
});

test('that the log goes to another topic than before is told until the note of it is gone', async () => {
  await using folder = await tempDirectory('elsewhere');
  const data = folder.path;
  const flags = { data, 'kafka.brokers': 'kafka-1:9092', 'kafka.topic.name': 'tsdb-wla' };
  const elsewhere = new Elsewhere(await loadConfig({ environment: {}, flags }), primary);
  await (await TopicPlace.open(data, 'tsdb-wal')).save();
  await meetTopic(data, await TopicPlace.open(data, 'tsdb-wla'), 0);
  await elsewhere.look();
  expect(elsewhere.troubles).toEqual([
    expect.stringContaining(
      'tsdb-wla is another topic than this log went to before: until 1970-01-01T00:00:00.000Z that was tsdb-wal',
    ),
  ]);
  await rm(join(data, 'topic-before.json'));
  await elsewhere.look();
  expect(elsewhere.troubles).toEqual([]);
});

test('notes of what was named before that cannot be read are told, with what to do', async () => {
  await using folder = await tempDirectory('elsewhere');
  const data = folder.path;
  const flags = { data, 'kafka.brokers': 'kafka-1:9092', 'kafka.topic.name': 'tsdb-wal' };
  const elsewhere = new Elsewhere(await loadConfig({ environment: {}, flags }), primary);
  for (const noun of ['primary', 'topic', 'archive']) {
    await writeFile(join(data, `${noun}-before.json`), 'spoilt');
  }
  await elsewhere.look();
  expect(elsewhere.troubles).toEqual(
    ['primary', 'topic', 'repository'].map((noun) => {
      const name = noun === 'repository' ? 'archive-before.json' : `${noun}-before.json`;
      return `${join(data, name)} is damaged: it cannot be told which ${noun} was named before. Put it back from a copy. Or make sure that the ${noun} that is named is the one that is meant, and remove ${name}.`;
    }),
  );
});

test('a proxy without Kafka whose log went to a topic before tells so until that is said to be meant', async () => {
  await using rig = await Rig.start();
  await rig.close();
  await (await TopicPlace.open(rig.data, 'tsdb-wal')).save();
  await rig.open();
  await expect
    .poll(() => rig.proxy.elsewhere.troubles)
    .toEqual([
      expect.stringContaining(
        'no topic is named, though this log went to the topic tsdb-wal before',
      ),
    ]);
  await rm(join(rig.data, 'kafka.json'));
  await expect.poll(() => rig.proxy.elsewhere.troubles).toEqual([]);
});
