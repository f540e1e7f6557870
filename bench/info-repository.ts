import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { indexClosedMonths } from '../src/archive/merge/month-index.ts';
import {
  formatBeginName,
  formatDataName,
  formatSidecarName,
  type Level,
} from '../src/archive/format/object-names.ts';
import { createRepository } from '../src/archive/repository.ts';
import { formatBegin, formatSidecar } from '../src/archive/format/sidecar.ts';

/**
 * A repository of years as `info` sees it: begins, sidecars and the indexes of closed months, made by the code that makes
 * real ones. Data objects are sparse: `info` looks at their sizes. Closed months hold days, and with `hasAllSidecars` also the minutes and
 * hours these were merged of; the open month, thirty days of it, holds all levels.
 */
export interface YearsPlan {
  readonly place: string;
  readonly years: number;
  readonly hasAllSidecars: boolean;
  /** False: of proxies to which nothing was written, so that all of it can be restored in no time but that of looking at it. */
  readonly hasPoints: boolean;
}

export const LANES = 4;
const OPEN_MONTH = Date.UTC(2025, 5, 1);
export const END = Date.UTC(2025, 6, 1);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const RECORD_MS = 100;
const LENGTHS = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: DAY_MS } as const;
const POINTS_A_RECORD = 25;

/** Returns how many files it wrote. */
export async function makeYears(plan: YearsPlan): Promise<number> {
  const { place, years, hasAllSidecars, hasPoints } = plan;
  const startMs = Date.UTC(2025 - years, 5, 1);
  const { store } = await createRepository(place, startMs);
  const files = new Files(place);
  for (let ordinal = 1; ordinal <= LANES; ordinal += 1) {
    const lane = `${ordinal}`.padStart(16, '0');
    files.put(
      formatBeginName(lane),
      formatBegin({
        lane,
        ordinal,
        firstSeq: 1,
        openedAt: startMs,
        previous: null,
        reason: 'start',
        disputed: null,
        host: `host-${ordinal}`,
      }),
    );
    for (let dayMs = startMs; dayMs < END; dayMs += DAY_MS) {
      const isWhole = hasAllSidecars || dayMs >= OPEN_MONTH;
      for (const level of isWhole ? (['minute', 'hour', 'day'] as const) : (['day'] as const)) {
        putDay(files, { lane, ordinal, level, dayMs, startMs, hasPoints });
      }
    }
  }
  const months = await indexClosedMonths(store, END, 'tsdb-wal bench');
  return files.count + months.length;
}

interface LaneDay {
  readonly lane: string;
  readonly ordinal: number;
  readonly level: Level;
  readonly dayMs: number;
  readonly startMs: number;
  readonly hasPoints: boolean;
}

function putDay(files: Files, day: LaneDay): void {
  const { lane, ordinal, level, dayMs, startMs, hasPoints } = day;
  // The day that goes on has no segment of its own yet, nor has its last hour.
  const missing = dayMs + DAY_MS < END || level === 'minute' ? 0 : LENGTHS[level];
  for (let atMs = dayMs; atMs < dayMs + DAY_MS - missing; atMs += LENGTHS[level]) {
    const firstSeq = (atMs - startMs) / RECORD_MS + 1;
    const toMs = atMs + LENGTHS[level] - 1;
    const lastSeq = firstSeq + LENGTHS[level] / RECORD_MS - 1;
    const segment = {
      lane,
      level,
      firstSeq,
      lastSeq,
      fromMs: Math.max(startMs, atMs - 1),
      toMs,
    };
    const records = lastSeq - firstSeq + 1;
    const points = hasPoints ? records * POINTS_A_RECORD : 0;
    files.put(
      formatSidecarName(segment),
      formatSidecar({
        ...segment,
        ordinal,
        records,
        points,
        refused: 0,
        bypasses: 0,
        confirmed: `${lane}/${lastSeq}`,
        instants: hasPoints ? { from: segment.fromMs, to: toMs } : null,
        data: hasPoints
          ? {
              object: formatDataName(segment, '00000000'),
              bytes: points * 3,
              sha256: '0'.repeat(64),
              rows: points,
            }
          : null,
        createdAt: toMs,
        writer: 'tsdb-wal bench',
      }),
    );
    if (hasPoints) files.put(formatDataName(segment, '00000000'), '', points * 3);
  }
}

class Files {
  count = 0;
  readonly #place: string;
  readonly #folders = new Set<string>();

  constructor(place: string) {
    this.#place = place;
  }

  put(name: string, content: string, bytes = content.length): void {
    const path = join(this.#place, name);
    const folder = dirname(path);
    if (!this.#folders.has(folder)) {
      mkdirSync(folder, { recursive: true });
      this.#folders.add(folder);
    }
    writeFileSync(path, content);
    if (bytes > content.length) truncateSync(path, bytes);
    this.count += 1;
  }
}
