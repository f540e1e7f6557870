import { expect, test } from 'vitest';
import { textReport } from '../../src/cli/restore/restore-report.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { writeLane } from '../archive/archive-rig.ts';
import { LogScene, type Restored } from './kit/log-scene.ts';

const SAFE = { kind: 'safe' } as const;

test('a restore of a log that goes to a topic says that others may have written there', async () => {
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
});

function toldOf({ plan }: Restored): string {
  const told: string[] = [];
  const output = { out: () => {}, err: (text: string) => told.push(text), isTerminal: false };
  textReport(output, Date.now)({ event: 'planned', ...plan });
  return told.join('');
}
