import { expect, test } from 'vitest';
import { earlier } from '../../src/record/position.ts';

const at = (ordinal: number, seq: number) => ({ lane: `lane ${ordinal}`, ordinal, seq });

test('the earlier of two positions is the one in the earlier lane, or before in one; and none if one stands nowhere', () => {
  expect(earlier(at(1, 9), at(2, 1))).toEqual(at(1, 9));
  expect(earlier(at(2, 2), at(2, 1))).toEqual(at(2, 1));
  expect(earlier(at(2, 2), undefined)).toBeUndefined();
  expect(earlier(undefined, at(2, 1))).toBeUndefined();
});
