import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outcomeRecords } from '../../../src/ingest/write-path/outcome-records.ts';
import { formatControl } from '../../../src/record/control.ts';
import { RECORD_BYTES_MAX } from '../../../src/record/frame.ts';

const lines = fc.array(
  fc.record({
    position: fc.record({ lane: fc.constantFrom('a', 'b'), seq: fc.integer({ min: 1, max: 3 }) }),
    index: fc.nat(100_000),
    error: fc.string({ unit: 'binary', maxLength: 20 }),
  }),
  { maxLength: 300 },
);

test('every refused line is in one outcome of its own record, in order', () => {
  fc.assert(
    fc.property(lines, (refused) => {
      const outcomes = outcomeRecords(refused);
      for (const lane of ['a', 'b']) {
        for (const seq of [1, 2, 3]) {
          const own = outcomes.filter(
            (o) => o.kind === 'outcome' && o.lane === lane && o.seq === seq,
          );
          const expected = refused
            .filter(({ position }) => position.lane === lane && position.seq === seq)
            .map(({ index, error }) => ({ index, error }));
          expect(own.flatMap((o) => (o.kind === 'outcome' ? o.refused : []))).toEqual(expected);
        }
      }
    }),
  );
});

test('no outcome is longer than a record may be, whatever its errors', () => {
  const refused = Array.from({ length: 1_000 }, (_, index) => ({
    position: { lane: 'a', seq: 1 },
    index,
    error: '\0'.repeat(5_000),
  }));
  for (const outcome of outcomeRecords(refused)) {
    expect(Buffer.byteLength(formatControl(outcome))).toBeLessThan(RECORD_BYTES_MAX);
  }
});
