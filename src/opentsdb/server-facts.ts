import { UNKNOWN_RULES, type PutRules } from './put-rules.ts';

/** What a TSD tells of itself, as far as puts depend on it. */
export interface ServerFacts {
  /** When its JVM started, epoch ms; undefined when it doesn't say. Another value is another process. */
  readonly startTime: number | undefined;
  /** The largest body it takes; undefined when it doesn't say. */
  readonly bodyBytesMax: number | undefined;
  readonly flushIntervalMs: number;
  readonly rules: PutRules;
  readonly autoCreateMetrics: boolean | undefined;
  readonly fixDuplicates: boolean | undefined;
}

/** Counters whose movement says that writes may have been lost inside the TSD. */
export interface ErrorCounters {
  /** `rpc.errors type=hbase_errors` and `hbase.nsre`. */
  readonly storage: number;
  /** `rpc.exceptions`: also moved by other clients' faulty requests. */
  readonly exceptions: number;
}

/** Bodies up to this pass Netty's decoder in one piece, whatever the settings (opentsdb-write-api 2.1). */
export const UNCHUNKED_BYTES_MAX = 8_192;

export const NO_FACTS: ServerFacts = {
  startTime: undefined,
  bodyBytesMax: undefined,
  flushIntervalMs: 1_000,
  rules: UNKNOWN_RULES,
  autoCreateMetrics: undefined,
  fixDuplicates: undefined,
};

/** From the JSON of `/api/config` and `/api/stats/jvm`, each undefined when it was not to be had. */
export function readServerFacts(config: unknown, jvm: unknown): ServerFacts {
  const startTime = readStartTime(jvm);
  if (typeof config !== 'object' || config === null) return { ...NO_FACTS, startTime };
  const settings = new Map(Object.entries(config as Record<string, unknown>));
  const number = (key: string, otherwise: number): number => {
    const value = Number(settings.get(key));
    return Number.isSafeInteger(value) && value > 0 ? value : otherwise;
  };
  const text = (key: string): string => {
    const value = settings.get(key);
    return typeof value === 'string' ? value : '';
  };
  const flag = (key: string): boolean => TRUE_WORDS.has(text(key).toLowerCase());
  const chunked = flag('tsd.http.request.enable_chunked');
  const chunkBytes = number('tsd.http.request.max_chunk', 4_096);
  return {
    startTime,
    bodyBytesMax: chunked ? Math.max(UNCHUNKED_BYTES_MAX, chunkBytes) : UNCHUNKED_BYTES_MAX,
    flushIntervalMs: number('tsd.storage.flush_interval', 1_000),
    rules: {
      tagsMax: number('tsd.storage.max_tags', 8),
      specialChars: text('tsd.core.tag.allow_specialchars'),
    },
    autoCreateMetrics: flag('tsd.core.auto_create_metrics'),
    fixDuplicates: flag('tsd.storage.fix_duplicates'),
  };
}

/** From the JSON of `/api/config`: `ro` knows no puts, `wo` no queries; empty when it isn't said. */
export function tsdMode(config: unknown): string {
  const mode = (config as { readonly 'tsd.mode'?: unknown } | null | undefined)?.['tsd.mode'];
  return typeof mode === 'string' ? mode.toLowerCase() : '';
}

/** From the JSON of `/api/stats`; undefined when it holds none of the counters. */
export function readErrorCounters(stats: unknown): ErrorCounters | undefined {
  if (!Array.isArray(stats)) return undefined;
  let storage: number | undefined;
  let exceptions = 0;
  for (const entry of stats as readonly Record<string, unknown>[]) {
    const { metric, tags } = entry;
    const value = Number(entry['value']);
    const type = (tags as Record<string, unknown> | undefined)?.['type'];
    const isStorage =
      metric === 'tsd.hbase.nsre' || (metric === 'tsd.rpc.errors' && type === 'hbase_errors');
    if (isStorage) storage = (storage ?? 0) + value;
    if (metric === 'tsd.rpc.exceptions') exceptions += value;
  }
  return storage === undefined ? undefined : { storage, exceptions };
}

/** From the JSON of `/api/stats`: rows that were written back as one cell, and cells deleted for that; undefined where none are. */
export function readCompacted(stats: unknown): number | undefined {
  if (!Array.isArray(stats)) return undefined;
  let cells: number | undefined;
  for (const { metric, value } of stats as readonly Record<string, unknown>[]) {
    if (metric === 'tsd.compaction.writes' || metric === 'tsd.compaction.deletes') {
      cells = (cells ?? 0) + Number(value);
    }
  }
  return cells;
}

/** From the JSON of `/api/stats/region_clients`: requests on their way to HBase; undefined when it doesn't say. */
export function readRequestsUnderWay(clients: unknown): number | undefined {
  if (!Array.isArray(clients)) return undefined;
  let underWay = 0;
  for (const { rpcsInFlight } of clients as readonly { rpcsInFlight?: unknown }[]) {
    if (typeof rpcsInFlight === 'number') underWay += rpcsInFlight;
  }
  return underWay;
}

/** What net.opentsdb.utils.Config.getBoolean takes for true. */
const TRUE_WORDS: ReadonlySet<string> = new Set(['1', 'true', 'yes']);

function readStartTime(jvm: unknown): number | undefined {
  const runtime = (jvm as { runtime?: { startTime?: unknown } } | undefined)?.runtime;
  return typeof runtime?.startTime === 'number' ? runtime.startTime : undefined;
}
