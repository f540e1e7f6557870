import { parsePutLine } from '../../src/opentsdb/put-line.ts';

/** A record as tests make it up or read it from a log. */
export interface PlainRecord {
  readonly seq: number;
  readonly receivedAt: number;
  readonly transport: string;
  readonly source: string;
  /** Without `\n`. */
  readonly lines: readonly string[];
}

export type PlainRow = Readonly<Record<string, string | null>>;

/** The rows of a segment by the plainest reading of docs/FORMATS.md, every field as text. */
export function plainRows(lane: string, records: readonly PlainRecord[]): PlainRow[] {
  return records.flatMap(({ seq, receivedAt, transport, source, lines }) =>
    lines.flatMap((line, idx): PlainRow[] => {
      const place = { lane, seq: `${seq}`, idx: `${idx}`, received_at: `${receivedAt}` };
      const fields = plainFields(line);
      return fields === undefined ? [] : [{ ...place, transport, source, ...fields }];
    }),
  );
}

const NOTHING = { metric: null, tags: null, timestamp: null, instant_ms: null, value: null };

function plainFields(line: string): PlainRow | undefined {
  const control = /^!(\S+) (.*)$/s.exec(line);
  if (control !== null) {
    const [, kind = '', payload = ''] = control;
    return kind === 'tick' || kind === 'cut' ? undefined : { kind, ...NOTHING, payload };
  }
  const isJson = line.startsWith('http POST /api/put ');
  if (line.startsWith('http ') && !isJson)
    return { kind: 'http', ...NOTHING, payload: line.slice(5) };
  const { metric, timestamp, value, tags } = parsePutLine(line);
  const seconds = BigInt(timestamp);
  return {
    kind: isJson ? 'put-json' : 'put',
    metric,
    tags: Object.entries(tags)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, text]) => `${encode(key)}=${encode(String(text))}`)
      .join(' '),
    timestamp,
    instant_ms: `${seconds > 4_294_967_295n ? seconds : seconds * 1_000n}`,
    value,
    payload: isJson ? line.slice('http POST /api/put '.length) : null,
  };
}

/** Whatever a word of a put line can't be, and `%`. */
function encode(word: string): string {
  let text = '';
  for (const character of word) {
    const code = character.codePointAt(0) ?? 0;
    const isOdd = code <= 0x20 || '%='.includes(character) || (code >= 0x7f && code <= 0xa0);
    text += isOdd ? encodeURIComponent(character) : character;
  }
  return text;
}
