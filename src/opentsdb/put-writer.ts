/**
 * Writes canonical put lines (`put <metric> <timestamp> <value> <tagk=tagv> …`, UTF-8) as OpenTSDB takes
 * them: elements of a JSON array for HTTP, lines in ISO-8859-1 for telnet. The value's text passes as it is:
 * in JSON as a string, which OpenTSDB reads like the bare number, and which carries ` 1.5 ` and `1.5f` too.
 */
interface Form {
  readonly open: Buffer;
  readonly afterMetric: Buffer;
  readonly afterTimestamp: Buffer;
  readonly afterValue: Buffer;
  readonly afterKey: Buffer;
  readonly afterTag: Buffer;
  readonly close: Buffer;
  readonly isJson: boolean;
}

const JSON_FORM: Form = {
  open: Buffer.from('{"metric":"'),
  afterMetric: Buffer.from('","timestamp":'),
  afterTimestamp: Buffer.from(',"value":"'),
  afterValue: Buffer.from('","tags":{"'),
  afterKey: Buffer.from('":"'),
  afterTag: Buffer.from('","'),
  close: Buffer.from('"}}'),
  isJson: true,
};

const TELNET_FORM: Form = {
  open: Buffer.from('put '),
  afterMetric: Buffer.from(' '),
  afterTimestamp: Buffer.from(' '),
  afterValue: Buffer.from(' '),
  afterKey: Buffer.from('='),
  afterTag: Buffer.from(' '),
  close: Buffer.from('\n'),
  isJson: false,
};

const SPACE = 0x20;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_H = 0x68;
/** Length of `put `. */
const PUT_BYTES = 4;
/** 1 for the bytes that are themselves in either form. */
const IS_PLAIN = new Uint8Array(256).map((_, byte) =>
  Number(byte < 0x80 && ![SPACE, EQUALS, QUOTE, BACKSLASH].includes(byte)),
);
const HTTP_PUT = 'http POST /api/put ';

/** The most bytes that a line of `bytes` bytes becomes in JSON: every byte escaped, and the frame around it. */
export function jsonBytesMax(bytes: number): number {
  return bytes * 3 + 80;
}

/** Writes the line at [start, end), without its `\n`, as a JSON object; returns where it ends in `out`. */
export function writeJsonPoint(line: Buffer, start: number, end: number, out: Output): number {
  if (line[start] !== LETTER_H) return writePoint(line, start + PUT_BYTES, end, out, JSON_FORM);
  const from = start + HTTP_PUT.length;
  return out.at + line.copy(out.bytes, out.at, from, end);
}

/** Writes the line at [start, end), without its `\n`, as a telnet line with its `\n`. */
export function writeTelnetPoint(line: Buffer, start: number, end: number, out: Output): number {
  return writePoint(line, start + PUT_BYTES, end, out, TELNET_FORM);
}

export interface Output {
  readonly bytes: Buffer;
  readonly at: number;
}

// oxlint-disable-next-line max-params -- the hot path: no object per point
function writePoint(line: Buffer, start: number, end: number, out: Output, form: Form): number {
  const { bytes } = out;
  const { isJson } = form;
  let read = start;
  let at = writeText(bytes, out.at, form.open);
  let separators = 0;
  for (; read < end; read += 1) {
    const byte = line[read] ?? 0;
    if (IS_PLAIN[byte] === 1) {
      bytes[at] = byte;
      at += 1;
    } else if (byte === SPACE) {
      separators += 1;
      at = writeText(bytes, at, separatorOf(form, separators));
    } else if (byte === EQUALS && separators > 2) {
      at = writeText(bytes, at, form.afterKey);
    } else if (byte > 0x7f && !isJson) {
      // UTF-8 of U+0080 to U+00FF: two bytes, the second's six bits under the first's two.
      read += 1;
      bytes[at] = ((byte & 0x03) << 6) | ((line[read] ?? 0) & 0x3f);
      at += 1;
    } else {
      if (isJson && (byte === QUOTE || byte === BACKSLASH)) {
        bytes[at] = BACKSLASH;
        at += 1;
      }
      bytes[at] = byte;
      at += 1;
    }
  }
  return writeText(bytes, at, form.close);
}

function separatorOf(form: Form, separators: number): Buffer {
  if (separators > 3) return form.afterTag;
  if (separators === 1) return form.afterMetric;
  return separators === 2 ? form.afterTimestamp : form.afterValue;
}

function writeText(bytes: Buffer, at: number, text: Buffer): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text[index] ?? 0;
  return at + text.length;
}
