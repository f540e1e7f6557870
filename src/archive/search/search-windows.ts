import type { TimeSpan } from './write-filter.ts';

export interface SearchWindowLimits {
  /** Rows of the segments that one window may take in, unless a single one has more. */
  readonly rowsMax: number;
  readonly filesMax: number;
}

/**
 * Cuts a span of receive times into windows, one after the other, where segments end: whatever was received in one window was
 * received before what is in the next.
 */
export function planWindows(
  segments: readonly { readonly toMs: number; readonly rows: number }[],
  received: TimeSpan,
  { rowsMax, filesMax }: SearchWindowLimits,
): TimeSpan[] {
  const windows: TimeSpan[] = [];
  let { from } = received;
  let rows = 0;
  let files = 0;
  for (const segment of segments.toSorted((a, b) => a.toMs - b.toMs)) {
    if (segment.toMs >= received.to) break;
    rows += segment.rows;
    files += 1;
    if (segment.toMs < from || (rows < rowsMax && files < filesMax)) continue;
    // With the millisecond of its last record: the next segment may begin within it.
    const to = Math.min(segment.toMs + 1, received.to);
    windows.push({ from, to });
    from = to;
    rows = 0;
    files = 0;
  }
  if (from < received.to) windows.push({ from, to: received.to });
  return windows;
}
