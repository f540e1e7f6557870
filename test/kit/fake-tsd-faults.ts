import type { FakeAnswer, FakeQuery } from './fake-query.ts';

/** Each holds until it is changed. */
export interface FakeTsdFaults {
  /** Every put by HTTP is answered so, and nothing of it is stored. */
  status?: number;
  /** Every answer comes this much later. */
  delayMs?: number;
  /** Metrics that have no UID and get none. */
  unknownMetrics?: ReadonlySet<string>;
  /** HBase fails with these words: a point is lost, and only `?sync` and telnet tell. */
  storage?: string;
  /** HBase does not take these metrics now: told at once, or only by `?sync`. */
  away?: { readonly metrics: ReadonlySet<string>; readonly isTold: boolean };
  /** Puts with `?sync` are stored and not answered. */
  syncHangs?: boolean;
  /** A connection is reset at a put of these metrics; what came before on it was handled. */
  poisonMetrics?: ReadonlySet<string>;
  /** So does any request with a point of these values. */
  poisonValues?: ReadonlySet<string>;
  /** Asked at each HTTP put and each telnet `version`: whether the connection is reset, and with the points handled or not. */
  cut?: (transport: 'http' | 'telnet') => 'before' | 'after' | undefined;
  /** Asked at each `POST /api/query`: the answer instead of the true one. */
  query?: (query: FakeQuery) => FakeAnswer | undefined;
  /** `/api/config` is not there. */
  noConfig?: boolean;
  /** `/api/stats` is answered so. */
  statsStatus?: number;
  /** With which `/api/suggest` answers. */
  suggestStatus?: number;
}
