import { FRAME_BODY_BYTES_MAX } from '../record/frame.ts';
import { lastRecordAt, recordHeaderAt } from '../record/record.ts';
import { parseTerm, type Term } from '../record/term.ts';
import type { SentFrame, TopicFrame } from '../record/topic-read.ts';
import type { FetchedMessage } from './fetch-session.ts';

export type DecodedMessage =
  | { readonly kind: 'frame'; readonly frame: TopicFrame }
  /** A message that no tsdb-wal made, or that isn't whole. */
  | { readonly kind: 'foreign'; readonly reason: string };

const FORMAT = '1';
const LANE = /^[0-9a-f]{16}$/;
const COUNT = /^\d{1,15}$/;

/** A message as it is given to Kafka. */
export interface Message {
  readonly key: string;
  readonly value: Buffer;
  /** Epoch ms. */
  readonly timestamp: string;
  readonly headers: Record<string, string>;
}

/**
 * `nowMs`: the moment of sending. Brokers refuse times that are ahead of theirs, so no message is later than the moment it is sent.
 * `term`: what is said of the primary.
 */
export function encodeMessage(frame: SentFrame, nowMs: number, term?: Term): Message {
  const { lane, ordinal, host, firstSeq, lastSeq, mutations, body } = frame;
  const { firstReceivedAt, lastReceivedAt } = frame;
  return {
    key: lane,
    value: body,
    timestamp: String(Math.min(lastReceivedAt, nowMs)),
    headers: {
      'tsdb-wal': FORMAT,
      lane,
      ordinal: String(ordinal),
      first: String(firstSeq),
      last: String(lastSeq),
      count: String(mutations),
      from: String(firstReceivedAt),
      to: String(lastReceivedAt),
      sent: String(Math.floor(nowMs)),
      host,
      ...(term && { primary: `${term.since} ${term.primary}` }),
    },
  };
}

/** What `encodeMessage` made. Its headers must fit its body: nothing else says which records are in it. */
export function decodeMessage(
  partition: number,
  { offset, key, value, headers }: FetchedMessage,
): DecodedMessage {
  const text = (name: string): string => {
    const header = headers[name];
    return Buffer.isBuffer(header) ? header.toString('utf8') : '';
  };
  const format = text('tsdb-wal');
  if (format === '') return foreign('it has no header tsdb-wal');
  if (format !== FORMAT) return foreign(`its format is ${format}, not ${FORMAT}`);
  const lane = text('lane');
  if (!LANE.test(lane) || key?.toString('latin1') !== lane) return foreign('it names no lane');
  const counts = ['ordinal', 'first', 'last', 'count', 'from', 'to'].map(text);
  if (!counts.every((count) => COUNT.test(count))) return foreign('its headers are not whole');
  const [ordinal = 0, firstSeq = 0, lastSeq = 0, mutations = 0, firstReceivedAt = 0, to = 0] =
    counts.map(Number);
  const body = value ?? Buffer.alloc(0);
  const fault = faultOf(body, firstSeq, lastSeq);
  if (fault !== undefined) return foreign(fault);
  const times = { firstReceivedAt, lastReceivedAt: to };
  const records = { firstSeq, lastSeq, mutations, ...times, body };
  return {
    kind: 'frame',
    frame: {
      partition,
      offset,
      lane,
      ordinal,
      host: text('host'),
      ...sentAtOf(text('sent')),
      ...termOf(text('primary')),
      ...records,
    },
  };
}

/** Messages of earlier versions don't say. */
function sentAtOf(text: string): { readonly sentAt?: number } {
  return COUNT.test(text) ? { sentAt: Number(text) } : {};
}

function termOf(text: string): { readonly term?: Term } {
  const [since = '', primary] = text.split(' ');
  const term = COUNT.test(since) ? parseTerm({ since: Number(since), primary }) : undefined;
  return term === undefined ? {} : { term };
}

function faultOf(body: Buffer, firstSeq: number, lastSeq: number): string | undefined {
  if (body.length > FRAME_BODY_BYTES_MAX) return 'its value is too long';
  if (firstSeq < 1 || lastSeq < firstSeq) return 'its sequences are none';
  if (body.at(-1) !== NEWLINE || body[0] !== AT) return 'its value is no frame';
  try {
    const last = lastRecordAt(body);
    const isWhole =
      recordHeaderAt(body, 0).seq === firstSeq && recordHeaderAt(body, last).seq === lastSeq;
    return isWhole ? undefined : 'its value holds other records than its headers say';
  } catch {
    return 'its value is no frame';
  }
}

const AT = 0x40;
const NEWLINE = 0x0a;

function foreign(reason: string): DecodedMessage {
  return { kind: 'foreign', reason };
}
