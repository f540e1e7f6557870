import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerReader, type HttpAnswer } from '../../src/opentsdb/answer-reader.ts';

interface Case {
  readonly bytes: Buffer;
  readonly answer: HttpAnswer;
  /** It ends with the connection. */
  readonly isOpen: boolean;
}

const bodies = fc.string({ unit: 'binary', maxLength: 40 });
const continued = fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n');
const connections = fc.constantFrom(
  { line: '', isLast: false },
  { line: 'Connection: keep-alive\r\n', isLast: false },
  { line: 'connection:  x, Close\r\n', isLast: true },
);

const withLength: fc.Arbitrary<Case> = fc
  .tuple(continued, connections, bodies)
  .map(([before, { line, isLast }, body]) => {
    const head = `HTTP/1.1 200 OK\r\n${line}CONTENT-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const bytes = Buffer.from(before + head + body);
    return { bytes, answer: { status: 200, body, isLast }, isOpen: false };
  });

const empty: fc.Arbitrary<Case> = connections.map(({ line, isLast }) => ({
  bytes: Buffer.from(`HTTP/1.1 204 No Content\r\n${line}\r\n`),
  answer: { status: 204, body: '', isLast },
  isOpen: false,
}));

const chunked: fc.Arbitrary<Case> = fc
  .tuple(
    continued,
    fc.array(fc.tuple(bodies, fc.constantFrom('', ';a=b', ' ')), { maxLength: 5 }),
    fc.constantFrom('', 'Trailer: 1\r\n'),
  )
  .map(([before, parts, trailer]) => {
    const filled = parts.filter(([text]) => text !== '');
    const chunks = filled.map(
      ([text, more]) => `${Buffer.byteLength(text).toString(16)}${more}\r\n${text}\r\n`,
    );
    const head = 'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: Chunked\r\n\r\n';
    const bytes = Buffer.from(`${before}${head}${chunks.join('')}0\r\n${trailer}\r\n`);
    const body = filled.map(([text]) => text).join('');
    return { bytes, answer: { status: 400, body, isLast: false }, isOpen: false };
  });

const untilClosed: fc.Arbitrary<Case> = bodies.map((body) => ({
  bytes: Buffer.from(`HTTP/1.0 200 OK\r\nServer: old\r\n\r\n${body}`),
  answer: { status: 200, body, isLast: true },
  isOpen: true,
}));

const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 6 });

/** The pieces share one memory, as reads of a socket do. */
function readInPieces(reader: AnswerReader, bytes: Buffer, at: readonly number[]): unknown[] {
  const memory = Buffer.alloc(bytes.length);
  const places = [0, ...at.filter((place) => place < bytes.length), bytes.length];
  const ends = places.toSorted((one, other) => one - other);
  return ends.slice(1).flatMap((end, index) => {
    const start = ends[index] ?? 0;
    if (start === end) return [];
    bytes.copy(memory, 0, start, end);
    return [reader.read(memory.subarray(0, end - start))];
  });
}

test('an answer is read whole, however it is framed and in whatever pieces it comes', () => {
  const cases = fc.array(fc.tuple(fc.oneof(withLength, empty, chunked, untilClosed), cuts), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(cases, (answers) => {
      const reader = new AnswerReader();
      for (const [{ bytes, answer, isOpen }, at] of answers) {
        const seen = readInPieces(reader, bytes, at);
        const early = isOpen ? seen : seen.slice(0, -1);
        expect(early.filter((one) => one !== undefined)).toEqual([]);
        expect(isOpen ? reader.end() : seen.at(-1)).toEqual(answer);
        if (isOpen) return;
      }
    }),
  );
});

test('what comes after an answer makes it the last one', () => {
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 408 x\r\n');
  expect(new AnswerReader().read(bytes)).toEqual({ status: 200, body: '{}', isLast: true });
});

test('a connection that ends within an answer gave none', () => {
  const reader = new AnswerReader();
  expect(reader.end()).toBeUndefined();
  expect(reader.read(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"su'))).toBe(
    undefined,
  );
  expect(reader.end()).toBeUndefined();
});

test.each([
  ['no HTTP/1.1', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['no HTTP/1.1', 'HTTP/2 200\r\n\r\n'],
  ['malformed', 'HTTP/1.1 200 OK\r\nnothing\r\n\r\n'],
  ['the length -1', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['the length 1, 2', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  ['coded as gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['has no size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'],
  ['has no size', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1'.repeat(5_000)}`],
  ['has no end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcd\r\n'],
  ['too long', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`],
])('what is no answer is told: %s', (reason, text) => {
  expect(() => new AnswerReader().read(Buffer.from(text))).toThrow(reason);
});
