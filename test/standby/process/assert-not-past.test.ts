import { expect, test } from 'vitest';
import { beginningAt } from '../../../src/standby/place.ts';
import { assertNotPast } from '../../../src/standby/process/assert-not-past.ts';

const target = 'http://tsdb-standby:4242';

test.each([
  ['nothing', undefined, undefined, 5],
  ['nothing later, nor was sent more', 5, 5, 5],
  ['something later, where it is to go on for ever', 5, 6, Infinity],
])('a target that has %s is fed', (_what, latestMs, sentToMs, stopAtMs) => {
  const place = latestMs === undefined ? undefined : beginningAt(latestMs);
  assertNotPast({ target, place, sentToMs }, stopAtMs);
});

test.each([
  ['surely has', 6_000, 6_500, 'contains what was received up to 1970-01-01T00:00:06.000Z'],
  ['may have', 4_000, 6_500, 'may contain what was received up to 1970-01-01T00:00:06.500Z'],
  ['of an earlier version has', 6_000, undefined, 'contains what'],
])('a target that %s something later is not: it is said up to when', (_what, at, sentToMs, has) => {
  const place = beginningAt(at);
  expect(() => assertNotPast({ target, place, sentToMs }, 5_000)).toThrow(
    expect.objectContaining({
      code: 'STANDBY_PAST_STOP',
      message: expect.stringContaining(`${target} ${has}`) as string,
      hint: expect.stringContaining('restore --to 1970-01-01T00:00:05.000Z') as string,
    }) as Error,
  );
});
