import type { Chunk } from '../../src/follow/deliver/chunk.ts';
import { chunkOf, loggedPoint, type LoggedPoint } from '../../src/follow/deliver/logged-point.ts';
import type { Mends } from '../../src/follow/rewrites/mends.ts';

export type OpenMend = LoggedPoint & { readonly dueMs: number };

/** A chunk with one line, as if it wrote to the cell that is named. */
export function chunkWith(point: LoggedPoint): Chunk {
  const chunk = chunkOf(point);
  chunk.keyHigh[0] = point.high;
  chunk.keyLow[0] = point.low;
  chunk.instants[0] = point.instant;
  return chunk;
}

export function addMend(mends: Mends, { dueMs, ...point }: OpenMend): void {
  mends.add(chunkWith(point), 0, { dueMs, handled: 0 });
}

/** Takes all that are due by then, as if they were put. */
export function takeMends(mends: Mends, nowMs = Infinity): readonly LoggedPoint[] {
  const taken: LoggedPoint[] = [];
  for (;;) {
    const page = mends.due(nowMs, 'lasting');
    if (page === undefined) return taken;
    const { chunk } = page;
    const batch = { chunk, lines: [], telnet: false, body: Buffer.alloc(0), last: undefined };
    for (let line = 0; page.count > 0; line += 1) {
      if (!page.has(line)) continue;
      taken.push(loggedPoint(batch, line));
      mends.remove(page, line);
    }
  }
}
