import { createReadStream } from 'node:fs';

const READ_BYTES = 256 * 1024;

/**
 * Reads the lines of a file, in bounded memory. Only a newline ends one: a carriage return and U+2028, at which Node's readline ends
 * lines, too (the latter from Node 24 on), may be within. Throws when the last line has no end.
 */
export async function* readLineBatches(path: string): AsyncGenerator<readonly string[]> {
  let rest = '';
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: READ_BYTES });
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield lines;
  }
  if (rest !== '') throw new Error(`${path} breaks off in a line`);
}
