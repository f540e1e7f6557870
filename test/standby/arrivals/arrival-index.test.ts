import { expect, test } from 'vitest';
import { ArrivalIndex } from '../../../src/standby/arrivals/arrival-index.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import { frameOf } from '../../kit/frames.ts';

const record = (receivedAt: number) => ({ receivedAt, lines: ['put m 1 1 a=b'] });

test('who goes back only to a record after what was to be given again, because something came late, is to get it still', () => {
  const index = new ArrivalIndex(beginningAt(null));
  index.add(frameOf('a', 1, [record(10)]));
  index.add(frameOf('b', 1, [record(20)]));
  const position = index.end;
  index.add(frameOf('b', 2, [record(40)]));
  // Of lane a something came late.
  const a = { ordinal: 1, seq: 0, receivedAt: 5 };
  const b = { ordinal: 1, seq: 0, receivedAt: 5 };
  index.begin({ sinceMs: null, latestMs: 5, lanes: new Map(Object.entries({ a, b })) });
  index.add(frameOf('a', 1, [record(10)]));
  const place = index.goBack(position);
  expect(place).toMatchObject({ latestMs: 5, lanes: new Map(Object.entries({ a, b })) });
  expect(index.placeAt(index.end)).toEqual(place);
  // What was contained at the position is contained still.
  expect(index.placeAt(position).lanes.get('a')).toMatchObject({ seq: 1 });
});
