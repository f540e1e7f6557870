/** What was answered to one HTTP request. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** Nothing more can be asked on its connection. */
  readonly isLast: boolean;
}

interface Head {
  readonly status: number;
  readonly isLast: boolean;
  /** Where the body ends: after so many bytes, or as it says itself. */
  readonly body: number | 'chunked' | 'until closed';
}

const NOTHING = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const HEAD_BYTES_MAX = 64 * 1024;
const LINE_BYTES_MAX = 4 * 1024;
/** Far above what names each point of the largest batch as refused. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |$)/;

/**
 * Reads the answers that come on one HTTP connection, each to one request, from whatever pieces they come in (RFC 9112). It throws
 * on what is none.
 */
export class AnswerReader {
  /** What has come of the answer, where it came in several pieces. */
  #memory = NOTHING;
  #length = 0;
  #head: Head | undefined;
  #bodyStart = 0;
  /** Of a chunked body: where the next chunk begins, and where those before it are, start and end of each. */
  #chunkStart = 0;
  #chunks: number[] = [];
  /** Heads are alike. */
  #latest: { readonly text: string; readonly head: Head } | undefined;

  /** Takes the next bytes, which it copies; the answer, once it is whole. */
  read(bytes: Buffer): HttpAnswer | undefined {
    const isFirst = this.#length === 0;
    const all = isFirst ? bytes : this.#keep(bytes);
    const answer = this.#parse(all);
    if (answer !== undefined) this.#forget();
    else if (isFirst) this.#keep(bytes);
    return answer;
  }

  /** The connection has ended: that is how some answers end. */
  end(): HttpAnswer | undefined {
    if (this.#head?.body !== 'until closed') return undefined;
    const { status } = this.#head;
    const body = this.#memory.toString('utf8', this.#bodyStart, this.#length);
    return { status, body, isLast: true };
  }

  #keep(bytes: Buffer): Buffer {
    const length = this.#length + bytes.length;
    if (length > ANSWER_BYTES_MAX) throw new Error('its answer is too long');
    if (length > this.#memory.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#memory.length));
      this.#memory.copy(grown, 0, 0, this.#length);
      this.#memory = grown;
    }
    bytes.copy(this.#memory, this.#length);
    this.#length = length;
    return this.#memory.subarray(0, length);
  }

  #forget(): void {
    this.#memory = NOTHING;
    this.#length = 0;
    this.#head = undefined;
    this.#bodyStart = 0;
    this.#chunks = [];
  }

  #parse(all: Buffer): HttpAnswer | undefined {
    const head = (this.#head ??= this.#readHead(all));
    if (head === undefined || head.body === 'until closed') return undefined;
    if (head.body === 'chunked') return this.#readChunks(all, head);
    const end = this.#bodyStart + head.body;
    if (all.length < end) return undefined;
    return answerOf(head, all.toString('utf8', this.#bodyStart, end), all.length - end);
  }

  #readHead(all: Buffer): Head | undefined {
    for (;;) {
      const end = all.indexOf(HEAD_END, this.#bodyStart);
      const length = (end < 0 ? all.length : end) - this.#bodyStart;
      if (length > HEAD_BYTES_MAX) throw new Error('the head of its answer is too long');
      if (end < 0) return undefined;
      const head = this.#headOf(all.toString('latin1', this.#bodyStart, end));
      this.#bodyStart = this.#chunkStart = end + HEAD_END.length;
      // Those below 200 announce the answer.
      if (head.status >= 200) return head;
    }
  }

  #headOf(text: string): Head {
    if (this.#latest?.text !== text) this.#latest = { text, head: parseHead(text) };
    return this.#latest.head;
  }

  #readChunks(all: Buffer, head: Head): HttpAnswer | undefined {
    for (;;) {
      const lineEnd = all.indexOf(LINE_END, this.#chunkStart);
      const isLong = all.length - this.#chunkStart > LINE_BYTES_MAX;
      if (lineEnd < 0 && isLong) throw new Error('a chunk of its answer has no size');
      if (lineEnd < 0) return undefined;
      const size = parseChunkSize(all.toString('latin1', this.#chunkStart, lineEnd));
      if (size === 0) return this.#endChunks(all, head, lineEnd);
      const start = lineEnd + LINE_END.length;
      const end = start + size;
      if (all.length < end + LINE_END.length) return undefined;
      if (all.indexOf(LINE_END, end) !== end) throw new Error('a chunk of its answer has no end');
      this.#chunks.push(start, end);
      this.#chunkStart = end + LINE_END.length;
    }
  }

  /** What trails after the last chunk is passed over: it ends with an empty line. */
  #endChunks(all: Buffer, head: Head, lineEnd: number): HttpAnswer | undefined {
    const end = all.indexOf(HEAD_END, lineEnd);
    if (end < 0) return undefined;
    const parts: Buffer[] = [];
    for (let at = 0; at < this.#chunks.length; at += 2) {
      parts.push(all.subarray(this.#chunks[at], this.#chunks[at + 1]));
    }
    const body = Buffer.concat(parts).toString('utf8');
    return answerOf(head, body, all.length - end - HEAD_END.length);
  }
}

/** `left`: bytes after the answer, which nobody asked for. */
function answerOf({ status, isLast }: Head, body: string, left: number): HttpAnswer {
  return { status, body, isLast: isLast || left > 0 };
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, code] = STATUS_LINE.exec(first) ?? [];
  if (code === undefined) throw new Error('what it answers is no HTTP/1.1');
  const headers = parseHeaders(lines);
  const status = Number(code);
  const tokens = (headers.get('connection') ?? '').toLowerCase().split(/[\s,]+/);
  const isLast = tokens.includes('close') || (minor === '0' && !tokens.includes('keep-alive'));
  return { status, isLast, body: bodyOf(status, headers) };
}

function bodyOf(status: number, headers: ReadonlyMap<string, string>): Head['body'] {
  if (status < 200 || status === 204 || status === 304) return 0;
  const coding = headers.get('transfer-encoding');
  if (coding?.toLowerCase() === 'chunked') return 'chunked';
  if (coding !== undefined) throw new Error(`its answer is coded as ${coding}`);
  const length = headers.get('content-length');
  if (length === undefined) return 'until closed';
  if (!/^\d{1,12}$/.test(length)) throw new Error(`its answer has the length ${length}`);
  return Number(length);
}

/** By name in lower case; of a repeated one all values, with commas between. */
function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error('the head of its answer is malformed');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/** `1a4;name=value` */
function parseChunkSize(line: string): number {
  const [, digits] = /^([0-9a-fA-F]{1,8})\s*(?:;.*)?$/.exec(line) ?? [];
  if (digits === undefined) throw new Error('a chunk of its answer has no size');
  return Number.parseInt(digits, 16);
}
