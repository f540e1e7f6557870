import { WalError } from '../../runtime/errors.ts';
import { parseInstant } from '../../runtime/instant.ts';
import type { RecordFilter } from '../../wal/inspect.ts';

export interface FilterOptions {
  /** Only what was received at or after this time, as the person wrote it. */
  readonly from?: string;
  /** Only what was received before this time. */
  readonly to?: string;
  /** `N`, `N-M`, `LANE/N` or `LANE/N-M`; the start of a lane's id is enough. */
  readonly seq?: string;
}

/** Undefined when nothing is asked for in particular. Throws CONFIG_INVALID, with what would be right. */
export function parseFilter(options: FilterOptions): RecordFilter | undefined {
  const { from, to, seq } = options;
  if (from === undefined && to === undefined && seq === undefined) return undefined;
  return {
    from: from === undefined ? EVERYTHING.from : parseInstant('--from', from),
    to: to === undefined ? EVERYTHING.to : parseInstant('--to', to),
    ...(seq === undefined ? EVERY_SEQUENCE : parseSequence(seq)),
  };
}

const EVERY_SEQUENCE = { firstSeq: 1, lastSeq: Number.MAX_SAFE_INTEGER, lane: '' };

export const EVERYTHING: RecordFilter = { from: 0, to: Number.MAX_SAFE_INTEGER, ...EVERY_SEQUENCE };

function parseSequence(text: string): Pick<RecordFilter, 'firstSeq' | 'lastSeq' | 'lane'> {
  const match = /^(?:([0-9a-f]{1,16})\/)?(\d{1,15})(?:-(\d{1,15}))?$/.exec(text);
  if (match === null) {
    throw wrong(`--seq ${text} is no sequence number`, 'Write 17, 17-20, or LANE/17.');
  }
  const [, lane = '', first = '', last = first] = match;
  const [firstSeq, lastSeq] = [Number(first), Number(last)];
  if (lastSeq < firstSeq) {
    throw wrong(`--seq ${text} ends before it begins`, 'Write the lower number first, as 17-20.');
  }
  return { lane, firstSeq, lastSeq };
}

function wrong(message: string, hint: string): WalError {
  return new WalError('CONFIG_INVALID', message, { hint });
}
