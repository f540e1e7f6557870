/**
 * The `Via` header (RFC 9110, 7.6.3) of what proxies pass on: whoever asks an OpenTSDB through some of them finds there which they
 * are, the one next to the OpenTSDB first, and one that gets its own request back finds itself.
 */
export type Via = string | readonly string[] | undefined;

/** More are none of ours, or go in a circle. */
const LANES_MAX = 32;
const OURS = /(?:^|,)\s*[^\s,]+\s+tsdb-wal-([0-9a-f]{16})(?=[\s,]|$)/gi;

/** The header with a proxy after those that are there. `lane`: the one that it writes now, 16 hex digits. */
export function viaWith(via: Via, httpVersion: string, lane: string): string {
  return [...partsOf(via), `${httpVersion} tsdb-wal-${lane}`].join(', ');
}

/** The lanes of the proxies that a header names. */
export function lanesIn(via: Via): readonly string[] {
  const matches = partsOf(via).join(', ').matchAll(OURS);
  const lanes = [...matches].map(([, lane = '']) => lane.toLowerCase());
  return [...new Set(lanes)].slice(0, LANES_MAX);
}

function partsOf(via: Via): readonly string[] {
  if (via === undefined) return [];
  return typeof via === 'string' ? [via] : via;
}
