import { describe, expect, test } from 'vitest';
import { jsonRestoreReport, textRestoreReport } from '../../../src/cli/restore/restore-report.ts';
import type { RestoreEvent } from '../../../src/restore/restore-request.ts';

test('as JSON each event of a restore names the contract', () => {
  let out = '';
  const report = jsonRestoreReport({
    out: (text) => (out += text),
    err: () => undefined,
    isTerminal: false,
  });
  report({ event: 'restarting', reason: 'it was of another target' });
  expect(out).toBe(
    '{"contract":"tsdb-wal restore","version":1,"event":"restarting","reason":"it was of another target"}\n',
  );
});

describe('for people', () => {
  test('each phase has its share, how fast it goes and what is left', () => {
    const told = tell({
      event: 'progress',
      phase: 'checking',
      progress: 0.25,
      done: 500,
      perSecond: 50,
      etaSeconds: 30,
    });
    expect(told).toBe('checking segments: 25.0 %, bytes 500, 50/s, 30 s left\n');
  });

  test('a fault comes on a line of its own, below the progress of a terminal', () => {
    const progress = { event: 'progress', phase: 'loading', progress: 0, done: 0 } as const;
    const error = { event: 'error', code: 'X', message: 'm', hint: null, context: {} } as const;
    const events: readonly RestoreEvent[] = [
      { ...progress, perSecond: 0, etaSeconds: null },
      error,
    ];
    expect(tellAll(events, true)).toMatch(/^\rloading: .*\/s\n$/);
    expect(tellAll([error], true)).toBe('');
  });
});

function tell(event: RestoreEvent): string {
  return tellAll([event], false);
}

function tellAll(events: readonly RestoreEvent[], isTerminal: boolean): string {
  let told = '';
  const output = { out: () => undefined, err: (text: string) => (told += text), isTerminal };
  const report = textRestoreReport(output, () => 0);
  for (const event of events) report(event);
  return told;
}
