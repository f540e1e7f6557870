import { expect, test } from 'vitest';
import {
  describePromoteEvent,
  promoteEventAsJson,
} from '../../../src/cli/promote/promote-report.ts';

test('why it is refused is left to the error, which says all of it', () => {
  const told = describePromoteEvent({
    event: 'checked',
    target: 'http://new:4242',
    asOf: null,
    standby: {
      address: 'standby:4246',
      target: 'http://127.0.0.1:4242',
      promotion: 'none',
      lagSeconds: 100,
      lagRecords: 7,
    },
    proxies: [],
    warnings: ['it has a delay'],
    problems: ['it is 100 s behind'],
  });
  expect(told).toContain('standby standby:4246 feeds http://127.0.0.1:4242: 7 records');
  expect(told).toContain('warning: it has a delay');
  expect(told).not.toContain('it is 100 s behind');
});

test('a drain tells what is still to be applied from what is only watched', () => {
  const draining = { event: 'draining', lanes: 2, records: 30 } as const;
  expect(describePromoteEvent({ ...draining, sent: false })).toContain('30 records of 2 lanes');
  const watched = describePromoteEvent({ ...draining, sent: true });
  expect(watched).toContain('delivery.healWindow');
  expect(watched).not.toContain('30');
  const others = describePromoteEvent({ ...draining, lanes: 0, records: 0, sent: false });
  expect(others).toContain('what others may have received by then');
});

test('the end says how the old primary may become a standby', () => {
  const at = '2026-06-01T12:00:00.000Z';
  expect(toldAtTheEnd(at)).toContain(`standby of http://old:4242, with what it has: --begin ${at}`);
  expect(toldAtTheEnd(null)).toContain('docs/PROMOTE.md, Failing back');
  expect(toldAtTheEnd(at, true)).toContain('it needs empty tables');
  expect(toldAtTheEnd(at, true)).not.toContain('--begin');
  expect(toldAtTheEnd(null, false, [])).not.toContain('\n');
});

test('as JSON each event names the contract', () => {
  expect(promoteEventAsJson({ event: 'live', proxy: 'a:1' })).toBe(
    '{"contract":"tsdb-wal promote","version":1,"event":"live","proxy":"a:1"}',
  );
});

function toldAtTheEnd(
  storedTo: string | null,
  undone = false,
  primaries: readonly string[] = ['http://old:4242'],
): string {
  return describePromoteEvent({
    event: 'done',
    target: 'http://new:4242',
    standby: 's:1',
    before: { primaries, storedTo, undone },
  });
}
