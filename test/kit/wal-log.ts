import type { Hole } from '../../src/record/control.ts';
import { formatPosition, type Position } from '../../src/record/position.ts';
import { readLines, readRecords, type RecordTransport } from '../../src/record/record.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type DurableLog, LogReader } from '../../src/wal/log-reader.ts';
import { Wal, type WalOptions } from '../../src/wal/log.ts';

export interface Entry {
  readonly position: Position;
  readonly transport: RecordTransport;
  readonly lines: readonly string[];
}

/** A log with all that its events told, for tests. */
export class TestLog {
  readonly durable: Position[] = [];
  /** Called in the turn in which a frame became durable. */
  onDurable: () => void | Promise<void> = () => undefined;
  readonly lost: Position[] = [];
  readonly opened: string[] = [];
  readonly refused: (string | undefined)[] = [];
  readonly expired: string[] = [];
  readonly hindered: (string | undefined)[] = [];
  #wal: Wal | undefined;
  #wake: (() => void)[] = [];

  static async open(directory: string, options: Partial<WalOptions> = {}): Promise<TestLog> {
    const log = new TestLog();
    log.#wal = await Wal.open({
      directory,
      clock: systemClock,
      version: '0.0.0',
      segmentBytes: 64 * 1024,
      memoryBytes: 2 * 1024 * 1024,
      bytesMax: Number.MAX_SAFE_INTEGER,
      freeBytesMin: 0,
      retentionMs: 3_600_000,
      ...options,
      events: {
        durable: ({ lane, ordinal, lastSeq: seq }) => {
          log.durable.push({ lane, ordinal, seq });
          void log.onDurable();
          log.#signal();
        },
        lost: (last) => {
          log.lost.push(last);
          log.#signal();
        },
        opened: (_position, reason) => {
          log.opened.push(reason);
          log.#signal();
        },
        refusing: (reason) => log.refused.push(reason),
        expired: ({ path }) => log.expired.push(path),
        hindered: (reason) => log.hindered.push(reason),
      },
    });
    return log;
  }

  get wal(): Wal {
    if (this.#wal === undefined) throw new Error('the log is not open');
    return this.#wal;
  }

  append(lines: readonly string[], transport: RecordTransport = 'http'): Position | undefined {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    return this.wal.append(transport, '127.0.0.1:1', bytes, lines.length);
  }

  /** Appends, and tells whether the record became durable or was lost; undefined when it was refused. */
  async write(
    lines: readonly string[],
    transport: RecordTransport = 'http',
  ): Promise<{ position: Position; durable: boolean } | undefined> {
    const position = this.append(lines, transport);
    if (position === undefined) return undefined;
    const losses = this.lost.length;
    const isDurable = (): boolean => covers(this.wal.durable, position);
    await this.until(() => isDurable() || this.lost.length > losses);
    return { position, durable: isDurable() };
  }

  /** Settles when `holds`, looked at after each event. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /** Settles when all appended so far is durable. */
  async settle(): Promise<void> {
    const tick = this.wal.appendControl({ kind: 'tick', confirmed: null });
    if (tick !== undefined) await this.until(() => covers(this.wal.durable, tick));
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

function covers(durable: Position, position: Position): boolean {
  return durable.lane === position.lane && durable.seq >= position.seq;
}

/** Everything that a follower is given after a position: data records, and holes. */
export async function readLog(
  wal: DurableLog,
  after?: Position,
): Promise<{ entries: Entry[]; holes: Hole[] }> {
  const reader = new LogReader(wal);
  const entries: Entry[] = [];
  const holes: Hole[] = [];
  let place = after;
  try {
    for (;;) {
      const read = await reader.next(place);
      if (read === undefined) return { entries, holes };
      if (read.kind === 'hole') {
        holes.push(read.hole);
        place = read.to;
        continue;
      }
      const { lane, ordinal, body } = read;
      for (const record of readRecords(body)) {
        if (place?.lane === lane && record.seq <= place.seq) continue;
        const position = { lane, ordinal, seq: record.seq };
        entries.push({
          position,
          transport: record.transport,
          lines: [...readLines(body, record)],
        });
      }
      place = { lane, ordinal, seq: read.lastSeq };
    }
  } finally {
    await reader.close();
  }
}

/** `lane/seq` and the lines of everything but the log's own records. */
export function dataOf(entries: readonly Entry[]): [string, string][] {
  return entries
    .filter(({ transport }) => transport !== 'log')
    .map(({ position, lines }) => [formatPosition(position), lines.join('\n')]);
}

/** What must be there for the test to make sense. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test expects a value here');
  return value;
}
