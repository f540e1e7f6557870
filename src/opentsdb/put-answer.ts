/** A point of a batch that the primary named in `errors`. */
export interface NamedError {
  /** As echoed: with these the point is found again in the batch. */
  readonly datapoint: unknown;
  readonly error: string;
}

/** What an OpenTSDB said to a batch of HTTP puts. */
export type PutReply =
  /** Every point was handled; those named were refused for reasons of their own. */
  | { readonly kind: 'handled'; readonly refused: readonly NamedError[] }
  /** Points could not be stored now: the fault is the storage's, not theirs. */
  | { readonly kind: 'storage'; readonly reason: string }
  /** The body is larger than this TSD takes. */
  | { readonly kind: 'too large' }
  /** No put was handled: not an OpenTSDB, a read-only one, or one in trouble. */
  | { readonly kind: 'failed'; readonly status: number; readonly reason: string }
  /** What became of the batch is unknown; `isLate`: the TSD was reached and took too long. */
  | { readonly kind: 'unanswered'; readonly reason: string; readonly isLate: boolean };

/** Errors of a point that say nothing about the point. From PutDataPointRpc's callbacks, 2.4.1. */
const STORAGE_ERRORS = [
  'Storage exception',
  'Please throttle',
  'Write timedout',
  'Timeout exception',
];

const EMPTY_ERRORS = '"errors":[]';

/** Reads the answer to `/api/put?details`. `errors` counts even under 200 and `failed: 0`. */
export function readPutAnswer(status: number, text: string): PutReply {
  if (status === 204) return { kind: 'handled', refused: [] };
  if (status === 200 && text.includes(EMPTY_ERRORS)) return { kind: 'handled', refused: [] };
  const errors = status === 200 || status === 400 ? readErrors(text) : undefined;
  if (errors === undefined) return failure(status, text);
  const storage = errors.find(({ error }) =>
    STORAGE_ERRORS.some((words) => error.startsWith(words)),
  );
  return storage === undefined
    ? { kind: 'handled', refused: errors }
    : { kind: 'storage', reason: storage.error };
}

function readErrors(text: string): NamedError[] | undefined {
  const answer = parse(text);
  if (!isObject(answer) || !('success' in answer)) return undefined;
  const { errors } = answer;
  if (!Array.isArray(errors)) return undefined;
  return errors.map((entry: unknown) => {
    const { datapoint, error } = isObject(entry) ? entry : {};
    return { datapoint, error: typeof error === 'string' ? error : 'refused without a reason' };
  });
}

function failure(status: number, text: string): PutReply {
  if (status === 413 || text.includes('Chunked request not supported'))
    return { kind: 'too large' };
  const answer = parse(text);
  const error = isObject(answer) && isObject(answer['error']) ? answer['error'] : {};
  const message = typeof error['message'] === 'string' ? error['message'] : text.slice(0, 200);
  return { kind: 'failed', status, reason: `status ${status}: ${message}` };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
