import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SequenceSet } from '../../src/record/sequence-set.ts';

const LAST = 40;
const range = fc
  .tuple(fc.integer({ min: 1, max: LAST }), fc.integer({ min: 0, max: 8 }))
  .map(([firstSeq, more]) => ({ firstSeq, lastSeq: firstSeq + more }));

test('a set of sequences is what was added to it, as few ranges, and tells what is not in it', () => {
  const property = fc.property(fc.array(range, { maxLength: 12 }), range, (added, asked) => {
    const set = new SequenceSet(added);
    const plain = new Set(added.flatMap(numbersIn));
    expect(set.ranges.flatMap(numbersIn)).toEqual([...plain].toSorted((a, b) => a - b));
    for (const [index, { firstSeq }] of set.ranges.entries()) {
      expect(firstSeq).toBeGreaterThan((set.ranges[index - 1]?.lastSeq ?? -1) + 1);
    }
    const missing = numbersIn(asked).filter((seq) => !plain.has(seq));
    expect(set.without(asked).flatMap(numbersIn)).toEqual(missing);
  });
  fc.assert(property, { numRuns: 500 });
});

function numbersIn({
  firstSeq,
  lastSeq,
}: {
  readonly firstSeq: number;
  readonly lastSeq: number;
}): number[] {
  return Array.from({ length: lastSeq - firstSeq + 1 }, (_, index) => firstSeq + index);
}
