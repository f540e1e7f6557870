import { parsePutValue } from '../opentsdb/java-number.ts';
import { formatHttpPut } from '../opentsdb/put-line.ts';
import { compareValue } from '../restore/verify/compare-value.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { LogAnswer } from './compare-request.ts';
import type { DifferentPoint, HourDifference } from './difference.ts';

/** What is done about a point that differs. */
export type Mend =
  | {
      readonly kind: 'send';
      /** Where the line is from: as it was sent once, or made of what the source shows. */
      readonly from: 'log' | 'api';
      readonly transport: 'http' | 'telnet';
      /** The log's form, without `\n`. */
      readonly line: string;
    }
  | { readonly kind: 'cannot'; readonly reason: string };

/** The first millisecond that a put takes for milliseconds. */
const MS_MIN = 2 ** 32;

/** What a log does not tell; nothing: it tells all, or nobody asked it. */
export interface LogLimits {
  /** What was received after that, epoch ms, before the two sides were looked at. */
  readonly endsMs?: number | undefined;
  /** Something of what was received up to then, since records are missing in it; Infinity: nobody knows how late. */
  readonly lacksToMs?: number | undefined;
  /** Whether all is known that was undone; undefined: nothing was. */
  readonly isAllUndoneKnown?: boolean | undefined;
}

/**
 * `fixesDuplicates`: the target reads an instant that was written in two forms. What is undone is never sent, whatever the source shows:
 * instead of it the last write that counts is, where the log is known well enough to tell it.
 */
export function planMend(
  difference: HourDifference,
  point: DifferentPoint,
  answer: LogAnswer | undefined,
  { fixesDuplicates, log }: { readonly fixesDuplicates: boolean; readonly log: LogLimits },
): Mend {
  const { kind, tags } = difference;
  const { source, target } = point;
  if (source === null || tags === null) {
    return cannot('OpenTSDB deletes no single points, only hours of a series');
  }
  const believed = asShown(difference, point);
  const known = { ...log, isBelievable: believed.kind === 'send' };
  const written = answer?.written ?? null;
  const isSourceUndone = isShownUndone(answer, source);
  if (written === null && isSourceUndone) return cannot('the log has no other write of it');
  const isWritten = written !== null && isShownAs(written.value, source);
  if (written !== null && !isWritten && isShownAs(written.value, target)) {
    const later = isSourceUndone
      ? undefined
      : dangerOf('the source may have', written.receivedAt, known);
    return cannot(`the target has what the log has${later === undefined ? '' : `; ${later}`}`);
  }
  // What is undone does not vouch for the write before it.
  if (kind !== 'missing' || isSourceUndone) {
    const isSafeForm = kind === 'missing' || fixesDuplicates;
    const who = kind === 'missing' ? 'there may be' : 'the target may have';
    const danger = isSafeForm ? dangerOf(who, written?.receivedAt, known) : TWO_FORMS;
    if (danger !== undefined) return cannot(danger);
  }
  if (written !== null) {
    const { transport, line, value } = written;
    return isWritten || isSourceUndone
      ? { kind: 'send', from: 'log', transport, line }
      : cannot(`the log's last write of it is ${value}, which the source does not show`);
  }
  return log.isAllUndoneKnown === false ? cannot(LACKS_UNDONE) : believed;
}

/** Whether what a side shows is by a write that is undone, and by none that counts. */
export function isShownUndone(answer: LogAnswer | undefined, shown: string | null): boolean {
  if (answer === undefined) return false;
  const { undone, written } = answer;
  if (written !== null && isShownAs(written.value, shown)) return false;
  return undone.some((value) => isShownAs(value, shown));
}

function isShownAs(value: string, shown: string | null): boolean {
  if (shown === null || parsePutValue(shown).kind === 'invalid') return false;
  return compareValue(value, shown) !== 'different';
}

/** Made of what the source shows. */
function asShown({ metric, tags }: HourDifference, point: DifferentPoint): Mend {
  const { source, isShownExactly } = point;
  if (!isShownExactly) {
    return cannot('the source does not show all its digits: --repository or --data may have them');
  }
  const timestamp = timestampOf(point);
  const value = source ?? '';
  const parsed = parsePutValue(value);
  const isNumber =
    parsed.kind === 'long' || (parsed.kind === 'double' && Number.isFinite(parsed.value));
  if (timestamp === undefined || !isNumber) return cannot('it is nothing that can be put');
  const names = new Map(Object.entries(tags ?? {}));
  const line = formatHttpPut({ metric, timestamp, value, tags: names });
  return { kind: 'send', from: 'api', transport: 'http', line };
}

const TWO_FORMS =
  'a second form of the point could make its hour unreadable: the target runs with tsd.storage.fix_duplicates=false';

const LACKS_UNDONE =
  'the log says that it went on from an earlier moment, and lacks records that this undid: what the source shows may be of them';

/**
 * Why there may be a later write, as one that a source that is behind does not show yet. `receivedAt`: of the last that the log has. `isBelievable`: without a log, what the source shows would be sent.
 */
function dangerOf(
  who: 'the source may have' | 'the target may have' | 'there may be',
  receivedAt = -Infinity,
  {
    endsMs,
    lacksToMs,
    isAllUndoneKnown,
    isBelievable,
  }: LogLimits & { readonly isBelievable: boolean },
): string | undefined {
  if (endsMs !== undefined) {
    return `the log is known up to ${formatInstant(endsMs)} only, and ${who} a later write: compare again once more of it is known, with --kafka or --data where the log is`;
  }
  if (lacksToMs === undefined || receivedAt > lacksToMs) return undefined;
  const until = lacksToMs === Infinity ? '' : `, received up to ${formatInstant(lacksToMs)},`;
  // Without a log, what is undone would come back: for this point, or for others of the same command.
  const isAdvised = isBelievable && isAllUndoneKnown === undefined;
  const advice = isAdvised ? ': where the source is surely not behind, repair without the log' : '';
  return `the log lacks records${until} and ${who} a later write that was among them${advice}`;
}

/** In seconds where it can be: that is what most write. */
function timestampOf({ instantMs }: DifferentPoint): bigint | undefined {
  if (instantMs % 1_000 === 0 && instantMs / 1_000 < MS_MIN) return BigInt(instantMs / 1_000);
  return instantMs < MS_MIN ? undefined : BigInt(instantMs);
}

function cannot(reason: string): Mend {
  return { kind: 'cannot', reason };
}
