import { parsePutValue } from '../opentsdb/java-number.ts';
import { formatHttpPut } from '../opentsdb/put-line.ts';
import { compareValue } from '../restore/compare-value.ts';
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
}

/** `fixesDuplicates`: the target reads an instant that was written in two forms. */
export function planMend(
  { kind, metric, tags }: HourDifference,
  point: DifferentPoint,
  answer: LogAnswer | undefined,
  { fixesDuplicates, log }: { readonly fixesDuplicates: boolean; readonly log: LogLimits },
): Mend {
  const { source, isShownExactly } = point;
  if (source === null || tags === null) {
    return cannot('OpenTSDB deletes no single points, only hours of a series');
  }
  const written = answer?.written ?? null;
  if (kind !== 'missing') {
    const danger = fixesDuplicates ? dangerOf(written?.receivedAt, log) : TWO_FORMS;
    if (danger !== undefined) return cannot(danger);
  }
  if (written !== null) {
    const { transport, line, value } = written;
    const isSame = compareValue(value, source) !== 'different';
    return isSame
      ? { kind: 'send', from: 'log', transport, line }
      : cannot(`the log's last write of it is ${value}, which the source does not show`);
  }
  if (!isShownExactly) {
    return cannot('the source does not show all its digits: --repository or --data may have them');
  }
  const timestamp = timestampOf(point);
  const parsed = parsePutValue(source);
  const isNumber =
    parsed.kind === 'long' || (parsed.kind === 'double' && Number.isFinite(parsed.value));
  if (timestamp === undefined || !isNumber) return cannot('it is nothing that can be put');
  const line = formatHttpPut({
    metric,
    timestamp,
    value: source,
    tags: new Map(Object.entries(tags)),
  });
  return { kind: 'send', from: 'api', transport: 'http', line };
}

const TWO_FORMS =
  'a second form of the point could make its hour unreadable: the target runs with tsd.storage.fix_duplicates=false';

/** Why what the target has may be a later write, which a source that is behind does not show yet. `receivedAt`: of the last that the log has. */
function dangerOf(receivedAt = -Infinity, { endsMs, lacksToMs }: LogLimits): string | undefined {
  if (endsMs !== undefined) {
    return `the log is known up to ${formatInstant(endsMs)} only, and the target may have a later write: compare again once more of it is known, with --kafka or --data where the log is`;
  }
  if (lacksToMs === undefined || receivedAt > lacksToMs) return undefined;
  const until = lacksToMs === Infinity ? '' : `, received up to ${formatInstant(lacksToMs)},`;
  return `the log lacks records${until} and the target may have a later write that was among them: where the source is surely not behind, repair without the log`;
}

/** In seconds where it can be: that is what most write. */
function timestampOf({ instantMs }: DifferentPoint): bigint | undefined {
  if (instantMs % 1_000 === 0 && instantMs / 1_000 < MS_MIN) return BigInt(instantMs / 1_000);
  return instantMs < MS_MIN ? undefined : BigInt(instantMs);
}

function cannot(reason: string): Mend {
  return { kind: 'cannot', reason };
}
