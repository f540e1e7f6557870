import { acceptedCoding } from './answer-coding.ts';
import type { HttpQuery } from './http-query.ts';
import { classifyRoute } from './http-route.ts';

/** The head of a put that needs nothing but to be taken. */
export interface PutHead {
  readonly kind: 'put';
  readonly query: HttpQuery;
  /** Bytes of the body. */
  readonly length: number;
  readonly acceptEncoding: string | undefined;
}

export type Head = PutHead | { readonly kind: 'other' };

const OTHER: Head = { kind: 'other' };
/** So many heads, of so many characters, are remembered: those of one collector differ by the length of the body only. */
const HEADS_MAX = 4_096;
const HEAD_CHARS_MAX = 500;
const REQUEST_LINE = /^POST (\/[\w/]*(?:\?[\w=&-]*)?) HTTP\/1\.1$/;
const HEADER = /^([\w-]+): *([!-~]+(?: +[!-~]+)*)?$/;
/** What these ask for changes how the request is read or answered. */
const NOT_PLAIN = new Set([
  'content-encoding',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** OpenTSDB's ways to have a put answered in another form. */
const NOT_PLAIN_PARAMETERS = ['jsonp', 'serializer'];

/** Tells the heads of the plainest puts, as nearly all collectors send them, from all others. */
export class PutHeads {
  readonly #blockedPaths: readonly string[];
  readonly #known = new Map<string, PutHead>();

  constructor(blockedPaths: readonly string[]) {
    this.#blockedPaths = blockedPaths;
  }

  /** `text`: a whole head, up to and with the empty line. */
  read(text: string): Head {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const head = this.#parse(text);
    if (head.kind === 'other' || text.length > HEAD_CHARS_MAX) return head;
    if (this.#known.size >= HEADS_MAX) this.#known.clear();
    this.#known.set(text, head);
    return head;
  }

  #parse(text: string): Head {
    const [request = '', ...lines] = text.slice(0, -4).split('\r\n');
    const target = REQUEST_LINE.exec(request)?.[1];
    const headers = readHeaders(lines);
    if (target === undefined || headers === undefined) return OTHER;
    const route = classifyRoute('POST', target, this.#blockedPaths);
    if (route.kind !== 'put') return OTHER;
    if (NOT_PLAIN_PARAMETERS.some((name) => route.query.has(name))) return OTHER;
    const length = headers.get('content-length') ?? '';
    const type = headers.get('content-type') ?? '';
    const isKept = (headers.get('connection') ?? 'keep-alive').toLowerCase() === 'keep-alive';
    if (!/^\d{1,9}$/.test(length) || /charset(?!=utf-8$)/i.test(type) || !isKept) return OTHER;
    const acceptEncoding = headers.get('accept-encoding');
    const isLong = route.query.has('summary') || route.query.has('details');
    if (isLong && acceptedCoding(acceptEncoding) !== undefined) return OTHER;
    return { kind: 'put', query: route.query, length: Number(length), acceptEncoding };
  }
}

/** By name in lower case; undefined when one is not in the usual form, there twice, or asks for more. */
function readHeaders(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = HEADER.exec(line) ?? [];
    const key = name.toLowerCase();
    if (key === '' || headers.has(key) || NOT_PLAIN.has(key)) return undefined;
    headers.set(key, value);
  }
  return headers;
}
