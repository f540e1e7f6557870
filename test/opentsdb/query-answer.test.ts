import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readQueryAnswer } from '../../src/opentsdb/query-answer.ts';

describe('the answer to a query', () => {
  test('keeps every digit, and points of one time', () => {
    const answer =
      '[{"metric":"m","tags":{"h":"a"},"aggregateTags":[],"dps":[[1795374000000,9007199254740993],[1795374000000,1.0E-5],[1795374001000,-0.0]]},' +
      '{"metric":"m","tags":{},"aggregateTags":["h"],"dps":[]}]';
    expect(readQueryAnswer(answer)).toEqual([
      {
        metric: 'm',
        tags: { h: 'a' },
        cells: [
          ['1795374000000', '9007199254740993'],
          ['1795374000000', '1.0E-5'],
          ['1795374001000', '-0.0'],
        ],
      },
      { metric: 'm', tags: {}, cells: [] },
    ]);
    expect(readQueryAnswer('[]')).toEqual([]);
  });

  test('is read whatever the names hold', () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('"dps":[', 'dps":[[1,2]]', ']]', '\\"dps":['),
    );
    const series = fc.record({
      metric: names,
      tags: fc.dictionary(names, names),
      cells: fc.array(fc.tuple(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true }))),
    });
    fc.assert(
      fc.property(fc.array(series), (all) => {
        const written = all.map(({ metric, tags, cells }) => ({ metric, tags, dps: cells }));
        const read = readQueryAnswer(JSON.stringify(written));
        expect(read.map(({ metric, tags }) => ({ metric, tags }))).toEqual(
          all.map(({ metric, tags }) => ({ metric, tags: { ...tags } })),
        );
        expect(read.map(({ cells }) => cells)).toEqual(
          all.map(({ cells }) =>
            cells.map(([time, value]) => [JSON.stringify(time), JSON.stringify(value)]),
          ),
        );
      }),
    );
  });

  test.each([
    '',
    '{}',
    '[{"metric":"m","dps":[[1,2]',
    '[{"metric":"m","dps":[[1]]}]',
    '[{"dps":[]}]',
    '[1]',
  ])('is refused when it is %s', (text) => {
    expect(() => readQueryAnswer(text)).toThrow(SyntaxError);
  });
});
