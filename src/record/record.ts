/**
 * A frame's body is UTF-8 lines: for each record one header line, then its lines.
 *
 *     @<seq> <receivedAtMs> <http|telnet|log> <source>
 *     put <metric> <timestamp> <value> <tagk=tagv> …     a data point, as OpenTSDB's telnet line
 *     http <METHOD> <path?query> <json>                  what a put line can't carry
 *     !<kind> <json>                                     the log's own word (control.ts), transport `log`
 */
export type RecordTransport = 'http' | 'telnet' | 'log';

export interface RecordHeader {
  readonly seq: number;
  readonly receivedAt: number;
  readonly transport: RecordTransport;
  /** `address:port` of the client; `-` for the log's own records. */
  readonly source: string;
}

/** One record of a frame: its header, and where its lines stand in the frame's body. */
export interface RecordView extends RecordHeader {
  readonly start: number;
  readonly end: number;
}

const AT = 0x40;
const NEWLINE = 0x0a;

/** The header line, with its `\n`. `source` must hold no white space. */
export function formatRecordHeader(header: RecordHeader): string {
  return `@${header.seq} ${header.receivedAt} ${header.transport} ${header.source}\n`;
}

/** The records of a frame's body, in order. Throws on a body that no writer made. */
export function* readRecords(body: Buffer): Generator<RecordView> {
  let at = 0;
  while (at < body.length) {
    const lineEnd = body.indexOf(NEWLINE, at);
    if (body[at] !== AT || lineEnd < 0)
      throw new Error(`no record header at byte ${at} of a frame`);
    const header = parseRecordHeader(body.toString('latin1', at, lineEnd));
    const end = endOfRecord(body, lineEnd + 1);
    yield { ...header, start: lineEnd + 1, end };
    at = end;
  }
}

/** The header of the record that begins there. */
export function recordHeaderAt(body: Buffer, at: number): RecordHeader {
  return parseRecordHeader(body.toString('latin1', at, body.indexOf(NEWLINE, at)));
}

/** Where the last record of a frame's body begins. */
export function lastRecordAt(body: Buffer): number {
  // Only headers begin with `@`.
  return body.lastIndexOf('\n@') + 1;
}

/** The lines of a record, without their `\n`. */
export function* readLines(body: Buffer, record: RecordView): Generator<string> {
  let at = record.start;
  while (at < record.end) {
    const lineEnd = body.indexOf(NEWLINE, at);
    yield body.toString('utf8', at, lineEnd);
    at = lineEnd + 1;
  }
}

function endOfRecord(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && body[at] !== AT) {
    const lineEnd = body.indexOf(NEWLINE, at);
    if (lineEnd < 0) throw new Error('a frame ends inside a line');
    at = lineEnd + 1;
  }
  return at;
}

function parseRecordHeader(line: string): RecordHeader {
  const [seq, receivedAt, transport, source] = line.slice(1).split(' ');
  if (transport !== 'http' && transport !== 'telnet' && transport !== 'log') {
    throw new Error(`no record header: ${line}`);
  }
  return { seq: Number(seq), receivedAt: Number(receivedAt), transport, source: source ?? '-' };
}
