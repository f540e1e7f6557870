import fc from 'fast-check';

/*
 * Generators of bodies and telnet lines around the border between what the byte scanners accept
 * and what they leave to the slow path: mostly valid, with a rare part or a wrong byte now and then.
 */

const mostly = (common: fc.Arbitrary<string>, ...rare: string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 50, arbitrary: common }, { weight: 1, arbitrary: fc.constantFrom(...rare) });

const plainName = fc.string({
  unit: fc.constantFrom(...'abcxyzABC019-_./'.split('')),
  minLength: 1,
  maxLength: 24,
});
const name = mostly(plainName, 'é', 'º', 'a b', 'a:b', 'a=b', '', 'x'.repeat(300), '温', '²');
const key = fc.oneof(plainName, fc.constantFrom('host', 'dc', 'cpu', 'ab', 'ac'));

const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, min: -1e9, max: 1e9 }).map(String),
  fc.constantFrom('1.10', '-0', '1e5', '1E+05', '2.5e-7', '0.5', '123456789012345678', '1e99'),
);
const oddNumbers = [
  '007',
  '1.',
  '.5',
  '1e',
  '-',
  '+5',
  '1e400',
  'NaN',
  '1.5f',
  '0x1p3',
  '1e100',
  '9223372036854775808',
];
const timestamp = mostly(
  fc
    .oneof(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 1, max: 9_999_999_999_999 }))
    .map(String),
  '0',
  '-1',
  '1.5',
  '01795387274',
  '10000000000000',
  '1e9',
  '+5',
  '',
);

const space = mostly(fc.constant(''), ' ', '\n', '\r\n\t', '\f');
const quoted = (text: fc.Arbitrary<string>): fc.Arbitrary<string> => text.map((it) => `"${it}"`);

const spaced = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts.flatMap((part) => [part, space])).map((texts) => texts.join(''));
const list = (
  parts: fc.Arbitrary<readonly string[]>,
  open: string,
  close: string,
): fc.Arbitrary<string> =>
  fc
    .tuple(parts, space)
    .map(([texts, gap]) => `${open}${gap}${texts.join(`${gap},`)}${gap}${close}`);

const member = (memberName: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  spaced(fc.constant(`"${memberName}"`), fc.constant(':'), value);
const tags = list(
  fc.array(spaced(quoted(key), fc.constant(':'), mostly(quoted(name), '1', 'null', '[]')), {
    minLength: 1,
    maxLength: 5,
  }),
  '{',
  '}',
);
const value = fc.oneof(
  mostly(number, ...oddNumbers, 'true', 'null', '[]'),
  quoted(mostly(number, ...oddNumbers, ' 1.5 ', '1.5\\t')),
);

const point = fc
  .tuple(
    member('metric', mostly(quoted(name), '5', 'null', '"\\u0061"')),
    member('timestamp', mostly(timestamp, '"1795387274"', 'null')),
    member('value', value),
    member('tags', tags),
  )
  .chain((members) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constant([...members]) },
      { weight: 4, arbitrary: fc.shuffledSubarray([...members], { minLength: 4 }) },
      { weight: 1, arbitrary: fc.shuffledSubarray([...members], { minLength: 3 }) },
      { weight: 1, arbitrary: fc.constant([...members, ...members.slice(0, 1)]) },
    ),
  )
  .chain((members) => list(fc.constant(members), '{', '}'));

/** Bodies of `POST /api/put`, valid or nearly so. */
export const putBodies: fc.Arbitrary<string> = fc
  .tuple(space, fc.oneof(point, list(fc.array(point, { maxLength: 4 }), '[', ']')), space)
  .map((parts) => parts.join(''));

const tagWord = mostly(
  fc.tuple(key, name).map(([left, right]) => `${left}=${right}`),
  'h',
  'h=',
  '=a',
  'h=a=b',
  '',
);

/** Telnet lines, mostly `put`, without their end. */
export const telnetLines: fc.Arbitrary<string> = fc
  .tuple(
    mostly(fc.constant('put'), 'version', 'PUT', '', 'pu', 'putt'),
    name,
    mostly(timestamp, '1795387274.500', 'abc'),
    mostly(number, ...oddNumbers, ''),
    fc.array(tagWord, { minLength: 1, maxLength: 5 }).map((words) => words.join(' ')),
    fc.constantFrom('', '', ' ', '  ', '\t'),
  )
  .map(([command, metric, time, text, words, end]) =>
    [command, metric, time, text, words]
      .join(' ')
      .concat(end)
      .replaceAll(/[^\0-\xff]/g, '?'),
  );

/** The text with some bytes replaced, taken out or put in. */
export const mutated = (texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      texts,
      fc.array(
        fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'{}[],:"\\ 0.-+eE\n\r\0=aé'.split(''))),
        {
          maxLength: 1,
        },
      ),
    )
    .map(([text, edits]) => {
      let bytes = Buffer.from(text);
      for (const [place, kind, character] of edits) {
        const at = place % (bytes.length + 1);
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(kind === 0 ? '' : character),
          bytes.subarray(kind === 2 ? at : at + 1),
        ]);
      }
      return bytes;
    });
