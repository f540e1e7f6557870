import { expect, test } from 'vitest';
import { LaneGate } from '../../src/proxy/lane-gate.ts';
import type { Wal } from '../../src/wal/log.ts';

function scene() {
  const told: string[] = [];
  const wal = {
    segments: [],
    admit: (lane: string) => told.push(`admit ${lane}`),
    explainBar: (lane: string, reason: string) => told.push(`bar ${lane}: ${reason}`),
  };
  const gate = new LaneGate(wal as unknown as Wal, ['archive', 'kafka']);
  return { told, gate, archive: gate.keeper('archive'), kafka: gate.keeper('kafka') };
}

test('a lane takes data once everyone lets it in, and each lane anew', () => {
  const { told, gate, archive, kafka } = scene();
  gate.opened('one');
  kafka.admit('one');
  expect(told).toEqual([]);
  expect(kafka.isAdmitted).toBe(true);
  expect(archive.isAdmitted).toBe(false);
  archive.admit('one');
  gate.opened('two');
  kafka.admit('one');
  archive.admit('two');
  expect(told).toEqual(['admit one']);
});

test('what still bars a lane is said, and no longer what does not', () => {
  const { told, gate, archive, kafka } = scene();
  gate.opened('one');
  archive.explainBar('one', 'no disk');
  kafka.explainBar('one', 'no broker');
  archive.admit('one');
  archive.explainBar('one', 'no disk');
  expect(told).toEqual(['bar one: no disk', 'bar one: no disk; no broker', 'bar one: no broker']);
});
