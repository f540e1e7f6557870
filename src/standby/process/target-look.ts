import { QueryClient } from '../../opentsdb/query-client.ts';
import { tsdMode } from '../../opentsdb/server-facts.ts';
import { suggestMetrics } from '../../opentsdb/suggest-metrics.ts';
import {
  holdsWithin,
  QUESTIONS_MAX,
  someHeld,
  spansOf,
} from '../../restore/target/held-metrics.ts';
import { listNames, NAMES_SHOWN } from '../../restore/target/target-content.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { StateDirectory } from '../target/state-directory.ts';
import { Cursor } from '../../wal/cursor.ts';
import type { StandbyRequest } from './standby-request.ts';

export interface TargetLookOptions {
  readonly request: StandbyRequest;
  readonly state: StateDirectory;
  /** The data directory whose log is followed, or is named beside what is. */
  readonly data: string | undefined;
  readonly logger: Logger;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  readonly limits?: LookLimits;
}

interface LookLimits {
  /** Of more metrics so many are asked for, evenly from all: one without data takes some 9 ms. */
  readonly metricsMax: number;
  /** The same where it is only told. */
  readonly toldMax: number;
}

const LIMITS: LookLimits = { metricsMax: 5_000, toldMax: 200 };

/** Metrics that somebody writes have data there. */
const RECENT_MS = 86_400_000;
/** Those of an OpenTSDB that others feed have data there; and a time that it was restored to may be so far off. */
const LIVE_MS = 3_600_000;
const SPARE_MS = 600_000;

/**
 * Whether a target that was sent nothing yet may be sent the log from its first record on: where it holds data already, as a restore looks
 * for that, old values would be put over later ones. Only --begin says what such a target contains; what seems to belie that, or is known with
 * `oldest`, is told. Resolves to why that isn't known yet; undefined: it may be. Throws TARGET_UNUSABLE, and what the target contains is
 * to be said anew.
 */
export async function lookAtTarget(options: TargetLookOptions): Promise<string | undefined> {
  const { request, state, logger } = options;
  const { place, beganOldestMs } = state.state;
  if (place === undefined) return undefined;
  if (place.sinceMs !== null) return tellBegin(options, place.sinceMs);
  const isOldest = beganOldestMs !== undefined || request.begin.kind === 'oldest';
  let looked: Looked | undefined;
  try {
    looked = await heldBy(options);
  } catch (error) {
    const reason = `it can't be told whether it is empty: ${(error as Error).message}`;
    if (!isOldest) return reason;
    logger.warn({ reason }, NOT_LOOKED);
    return undefined;
  }
  if (looked === undefined) {
    logger.warn('the target answers no queries: whether it is empty was not looked at');
    return undefined;
  }
  const { held, ...counts } = looked;
  if (held.length === 0) {
    if (counts.asked < counts.metrics) logger.warn(counts, SAMPLED);
    return undefined;
  }
  const metrics = listNames(held, 'others');
  if (isOldest) {
    logger.warn({ metrics }, 'the target holds data already: what the log has is put over it');
    return undefined;
  }
  await state.save({ place: undefined, forks: [] });
  throw await full(options, metrics);
}

const NOT_LOOKED = 'what the target holds was not looked at';
const SAMPLED =
  'the target has more metrics than are looked at: none of those that were, evenly from all, holds data';
const LATER =
  'the target holds later points than --begin says: if it is fed by others, as the primary is, older values are put over newer ones';
const NOTHING =
  'the target holds no metric, and --begin says that it contains everything received up to then';

/** What seems to belie --begin with a time is told, and holds up nothing: only the one who says it can know. */
async function tellBegin(options: TargetLookOptions, sinceMs: number): Promise<undefined> {
  const { logger, nowMs, limits = LIMITS } = options;
  const begin = formatInstant(sinceMs);
  const fromMs = Math.max(sinceMs + SPARE_MS, nowMs - LIVE_MS);
  try {
    const later = await ask(options, async (client, listed) => {
      if (listed.length === 0) logger.warn({ begin }, NOTHING);
      const spans = spansOf(spreadOver(listed, limits.toldMax), fromMs, nowMs);
      return fromMs < nowMs ? someHeld(client, spans, NAMES_SHOWN + 1, holdsWithin) : [];
    });
    const metrics = listNames(later ?? [], 'others');
    if (metrics !== '') logger.warn({ begin, metrics }, LATER);
  } catch (error) {
    logger.warn({ reason: (error as Error).message }, NOT_LOOKED);
  }
}

interface Looked {
  /** Some of the metrics of which the target holds data. */
  readonly held: readonly string[];
  /** How many there are, and how many were asked for. */
  readonly metrics: number;
  readonly asked: number;
}

/** Undefined: it answers no queries. Rejects when there is no answer. */
function heldBy(options: TargetLookOptions): Promise<Looked | undefined> {
  const { nowMs, limits = LIMITS } = options;
  return ask(options, async (client, listed) => {
    const some = spreadOver(listed, limits.metricsMax);
    const spans = spansOf(some, nowMs - RECENT_MS, nowMs);
    const held = await someHeld(client, spans, NAMES_SHOWN + 1);
    return { held, metrics: listed.length, asked: some.length };
  });
}

/** At most so many of the names, evenly from all. */
function spreadOver(names: readonly string[], max: number): readonly string[] {
  if (names.length <= max) return names;
  return Array.from({ length: max }, (_, n) => names[Math.floor((n * names.length) / max)] ?? '');
}

/** What the queries of the target tell, given its metrics; undefined: it answers none. Rejects when there is no answer. */
async function ask<T>(
  { request, signal }: TargetLookOptions,
  act: (client: QueryClient, listed: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  const { target, config } = request;
  const { requestTimeout } = config.delivery;
  const limits = { requestTimeoutMs: requestTimeout, connectionsMax: QUESTIONS_MAX };
  const client = new QueryClient({ target, ...limits });
  const abort = (): void => void client.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const listed = await suggestMetrics(client);
    if (listed !== undefined) return await act(client, listed);
    const settings = await client.get('/api/config');
    if (settings === undefined || tsdMode(settings) === 'wo') return undefined;
    throw new Error('it does not answer /api/suggest');
  } finally {
    signal.removeEventListener('abort', abort);
    await client.close();
  }
}

async function full({ request, data }: TargetLookOptions, metrics: string): Promise<WalError> {
  const { origin } = request.target;
  const fed = data === undefined ? undefined : await Cursor.ownerOf(data, 'primary');
  const isPrimary = fed === origin ? ` is the primary that the log of ${data} feeds, and` : '';
  return new WalError(
    'TARGET_UNUSABLE',
    `${origin}${isPrimary} holds data already, of ${metrics}: all that is followed would be applied from its first record on, and put old values over later ones`,
    {
      hint: 'Name another OpenTSDB, with empty tables. Or say by --begin TIME up to when this one contains everything; where what it holds is of others, --begin oldest applies all beside it.',
    },
  );
}
