import { expect, test } from 'vitest';
import { textRestoreReport } from '../../src/cli/restore/restore-report.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { writeLane } from '../archive/archive-rig.ts';
import { LogScene, type Restored } from './kit/log-scene.ts';

const SAFE = { kind: 'safe' } as const;

test('a restore of a log that goes to a topic says that others may have written there, and of a topic that it is likely another one', async () => {
  await using scene = await LogScene.create();
  await writeLane(scene.rig.wal, 5, 5);
  const alone = await scene.restore(SAFE);
  expect(alone.plan.log).toMatchObject({ isInTopic: false });
  expect(toldOf(alone)).not.toContain('goes to a topic');

  const cursor = await Cursor.open(scene.rig.data, 'kafka');
  await cursor.move({ lane: '0123456789abcdef', ordinal: 1, seq: 1 });
  const found = await scene.restore(SAFE);
  expect(found.plan.log).toMatchObject({ isInTopic: true });
  expect(toldOf(found)).toContain('warning: this log goes to a topic');
  expect(found.lines).toEqual(alone.lines);

  const topic = { name: 't', brokers: [], archivedTo: null, ranges: [], insteadOf: ['a', 'b'] };
  const mistaken = toldOf({ plan: { ...alone.plan, topic } });
  expect(mistaken).toContain('warning: no lane of the repository came by the topic t, or is in it');
  expect(mistaken).toContain('(they came by a, b)');
  const right = { ...topic, insteadOf: null };
  expect(toldOf({ plan: { ...alone.plan, topic: right } })).not.toContain('warning');
});

function toldOf({ plan }: Pick<Restored, 'plan'>): string {
  const told: string[] = [];
  const output = { out: () => {}, err: (text: string) => told.push(text), isTerminal: false };
  textRestoreReport(output, Date.now)({ event: 'planned', ...plan });
  return told.join('');
}
