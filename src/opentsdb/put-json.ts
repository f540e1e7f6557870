import type { LineBuffer } from '../record/line-buffer.ts';
import { isLong, javaTrim, parsePutValue } from './java-number.ts';
import { JsonError, JsonReader } from './json-reader.ts';
import type { JsonScalar } from './json-reader.ts';
import { formatHttpPut } from './put-line.ts';
import { checkPoint, hasOverlongName } from './put-point.ts';
import type { EchoedPoint, PointFailure, PutBodyResult } from './put-result.ts';
import type { PutRules } from './put-rules.ts';

/** A data point as Jackson binds it to OpenTSDB's IncomingDataPoint. */
interface SentPoint {
  metric: string | null;
  timestamp: bigint;
  value: string | null;
  tags: Map<string, string | null> | null;
}

/** A body with more bad points is refused: each takes many times the memory of its bytes. */
const FAILURES_MAX = 100_000;

/**
 * Reads any body of `POST /api/put`, in UTF-8, by OpenTSDB's rules (opentsdb-write-api 2.4 and 2.5)
 * and appends the lines of the points that pass.
 */
export function parsePutJson(body: Buffer, rules: PutRules, out: LineBuffer): PutBodyResult {
  if (body.length === 0) return refused(400, 'Missing request content');
  const text = javaTrim(body.toString('utf8'));
  if (text === '') return refused(500, 'String index out of range: 0');
  if (!text.startsWith('{') && !text.startsWith('[')) {
    return refused(400, 'The JSON must start as an object or an array');
  }
  const { length, count } = out;
  const failures: PointFailure[] = [];
  const inputIndexes: number[] = [];
  const error = readPoints(text, (point) => {
    const index = inputIndexes.length + failures.length;
    const outcome = lineOf(point, rules);
    if (outcome.kind === 'line') {
      out.push(outcome.line);
      inputIndexes.push(index);
    } else {
      const datapoint = point === null ? null : echo(point);
      failures.push({ index, datapoint, error: outcome.error });
    }
    return failures.length <= FAILURES_MAX;
  });
  if (error !== undefined) out.truncate(length, count);
  if (error === 'stopped') {
    return refused(413, `More than ${FAILURES_MAX} points of the body are not valid`);
  }
  if (error !== undefined) {
    const details = `com.fasterxml.jackson.core.JsonParseException: ${error.message}`;
    return refused(400, 'Unable to parse the given JSON', details);
  }
  if (inputIndexes.length + failures.length === 0) {
    return refused(400, 'No datapoints found in content');
  }
  return {
    kind: 'points',
    accepted: inputIndexes.length,
    failures,
    inputIndexes: failures.length === 0 ? undefined : inputIndexes,
  };
}

type LineOrError =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'error'; readonly error: string };

/** `IncomingDataPoint.validate`, then `PutDataPointRpc.processDataPoint`. */
function lineOf(sent: SentPoint | null, rules: PutRules): LineOrError {
  if (sent === null) return failed('Unexpected null datapoint encountered in set.');
  const { metric, timestamp, value, tags } = sent;
  if (metric === null || metric === '') return failed('Metric name was empty');
  if (timestamp <= 0n) return failed('Invalid timestamp');
  if (value === null || value === '') return failed('Empty value');
  if (tags === null || tags.size === 0) return failed('Missing tags');
  const parsed = parsePutValue(value);
  if (parsed.kind === 'invalid') return failed('Unable to parse value to a number');
  const point = { metric, timestamp, value, tags };
  const error = checkPoint(point, parsed, 'http', rules);
  if (error !== undefined) return failed(error);
  if (hasOverlongName(point)) return failed('Unexpected exception');
  return { kind: 'line', line: formatHttpPut(point) };
}

function echo({ metric, timestamp, value, tags }: SentPoint): EchoedPoint {
  return {
    ...(metric === null ? {} : { metric }),
    timestamp: String(timestamp),
    ...(value === null ? {} : { value }),
    ...(tags === null ? {} : { tags: Object.fromEntries(tags) }),
  };
}

/**
 * Gives the points of a text that starts with `{` or `[`, one by one, until one is answered by false. What follows the
 * first JSON value is ignored.
 */
function readPoints(
  text: string,
  take: (point: SentPoint | null) => boolean,
): JsonError | 'stopped' | undefined {
  const reader = new JsonReader(text);
  let isStopped = false;
  try {
    if (text.startsWith('{')) take(readPoint(reader));
    else {
      reader.elements(() => {
        isStopped = !take(readElement(reader));
        return !isStopped;
      });
    }
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
  return isStopped ? 'stopped' : undefined;
}

function readElement(reader: JsonReader): SentPoint | null {
  if (reader.startsWith('{')) return readPoint(reader);
  const { kind } = reader.scalar();
  if (kind !== 'null') throw new JsonError(`Cannot make a data point of a ${kind}`);
  return null;
}

/** Unknown members are skipped, of repeated ones the last counts; `tsuid` is bound but not used. */
function readPoint(reader: JsonReader): SentPoint {
  const point: SentPoint = { metric: null, timestamp: 0n, value: null, tags: null };
  reader.members((name) => {
    if (name === 'metric') point.metric = toText(reader.scalar());
    else if (name === 'timestamp') point.timestamp = toLong(reader.scalar());
    else if (name === 'value') point.value = toText(reader.scalar());
    else if (name === 'tags') point.tags = readTags(reader);
    else if (name === 'tsuid') reader.scalar();
    else reader.skip();
  });
  return point;
}

function readTags(reader: JsonReader): Map<string, string | null> | null {
  if (reader.startsWith('{')) {
    const tags = new Map<string, string | null>();
    reader.members((key) => tags.set(key, toText(reader.scalar())));
    return tags;
  }
  const { kind } = reader.scalar();
  if (kind !== 'null') throw new JsonError(`Cannot make a map of tags of a ${kind}`);
  return null;
}

/** Scalars become their text, null stays null. */
const toText = ({ kind, text }: JsonScalar): string | null => (kind === 'null' ? null : text);

/** Jackson's coercions to a Java long. */
function toLong({ kind, text }: JsonScalar): bigint {
  if (kind === 'null') return 0n;
  if (kind === 'int') return checkLong(BigInt(text));
  if (kind === 'float') return truncate(Number(text.replace('INF', 'Infinity')));
  if (kind === 'string') return stringToLong(javaTrim(text));
  throw new JsonError(`Cannot make a long of ${text}`);
}

function stringToLong(text: string): bigint {
  if (text === '' || text === 'null') return 0n;
  if (!/^[+-]?\d+$/.test(text)) throw new JsonError(`Not a valid long: ${text}`);
  return checkLong(BigInt(text));
}

function checkLong(value: bigint): bigint {
  if (!isLong(value)) throw new JsonError(`Numeric value (${value}) out of range of long`);
  return value;
}

/** Java's cast of a double, which was checked against the limits of a long as doubles. */
function truncate(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (Math.abs(value) > 2 ** 63)
    throw new JsonError(`Numeric value (${value}) out of range of long`);
  const whole = BigInt(Math.trunc(value));
  return isLong(whole) ? whole : whole - 1n;
}

function failed(error: string): LineOrError {
  return { kind: 'error', error };
}

function refused(status: 400 | 413 | 500, message: string, details?: string): PutBodyResult {
  return { kind: 'refused', status, message, ...(details === undefined ? {} : { details }) };
}
