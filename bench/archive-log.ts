import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../src/runtime/clock.ts';
import { CutMarks } from '../src/wal/cut-marks.ts';
import type { RingFrame } from '../src/wal/frame-ring.ts';
import { Ticks } from '../src/wal/ticks.ts';
import { Wal } from '../src/wal/log.ts';
import { Chance, METRICS, valuesOfHost } from './mixed-values.ts';
import { BenchError } from './processes.ts';

/**
 * A log as `start` would have written it while some hosts sent all their metrics at a steady pace, written as fast as it
 * goes: the real log, with a clock that the generator moves. It ends ten minutes after a midnight or a little later, so
 * that at least one day is whole; where the log is shorter than that, it ends at midnight.
 */
export interface LogPlan {
  readonly data: string;
  readonly points: number;
  readonly series: number;
  /** Between two points of a series. */
  readonly stepMs: number;
}

export interface WrittenLog {
  readonly points: number;
  readonly records: number;
  readonly bytes: number;
  /** Receive times. */
  readonly hours: number;
  readonly lane: string;
  readonly lastSeq: number;
}

/** Defaults of `start`. */
const START = { cutBytes: 8 * 1_048_576, cutIntervalMs: 60_000, segmentBytes: 64 * 1_048_576 };
const MIDNIGHT = Date.UTC(2025, 5, 4);
const AFTER_MIDNIGHT_MS = 600_000;
const TICK_MS = 1_000;
const HOUR_MS = 3_600_000;
/** Hosts in a record: 10 to 50 points. */
const BATCHES = [1, 2, 5, 3, 4] as const;
/** Of some 30 points each. */
const FLUSH_RECORDS = 256;
const FLUSH_MS = 10_000;
const SEED = 12_345;

export async function writeLog(plan: LogPlan): Promise<WrittenLog> {
  const writer = await LogWriter.open(plan);
  try {
    await writer.write();
  } finally {
    await writer.close();
  }
  // Where the lane after it begins, this one ends, as after any restart: its last day is whole too.
  const next = await LogWriter.open(plan, writer.nowMs + TICK_MS);
  await next.close();
  return { ...writer.written, lane: next.lane, lastSeq: next.lastSeq };
}

interface Batch {
  readonly source: string;
  readonly offsetMs: number;
  readonly hosts: readonly { readonly tags: string; readonly values: readonly (() => string)[] }[];
}

class LogWriter {
  readonly #plan: LogPlan;
  readonly #wal: Wal;
  readonly #ticks: Ticks;
  readonly #cutMarks: CutMarks;
  readonly #clock: MovedClock;
  readonly #chance = new Chance(SEED);
  readonly #startMs: number;
  #points = 0;
  #records = 0;
  #beatMs: number;
  #flushedMs = 0;

  private constructor(plan: LogPlan, wal: Wal, clock: MovedClock) {
    const { cutBytes, cutIntervalMs } = START;
    this.#plan = plan;
    this.#wal = wal;
    this.#clock = clock;
    this.#startMs = clock.now();
    this.#beatMs = this.#startMs;
    this.#ticks = new Ticks(wal);
    this.#cutMarks = new CutMarks({ wal, cutBytes, cutIntervalMs }, this.#startMs);
    clock.onFrame = (frame) => {
      this.#ticks.note(frame, clock.now());
      this.#cutMarks.note(frame, clock.now());
    };
  }

  static async open(plan: LogPlan, startMs = startOf(plan)): Promise<LogWriter> {
    const clock = new MovedClock(startMs);
    const wal = await Wal.open({
      directory: join(plan.data, 'wal'),
      clock,
      version: '0.0.0',
      segmentBytes: START.segmentBytes,
      memoryBytes: 32 * 1_048_576,
      bytesMax: Number.MAX_SAFE_INTEGER,
      freeBytesMin: 0,
      retentionMs: Number.MAX_SAFE_INTEGER,
      events: {
        durable: (frame) => clock.onFrame(frame),
        lost: () => undefined,
        opened: () => undefined,
        refusing: () => undefined,
      },
    });
    return new LogWriter(plan, wal, clock);
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  get lane(): string {
    return this.#wal.durable.lane;
  }

  get lastSeq(): number {
    return this.#wal.durable.seq;
  }

  get written(): Pick<WrittenLog, 'points' | 'records' | 'bytes' | 'hours'> {
    const hours = (this.nowMs - this.#startMs) / HOUR_MS;
    return { points: this.#points, records: this.#records, bytes: this.#wal.bytes, hours };
  }

  async write(): Promise<void> {
    const { points, stepMs } = this.#plan;
    const batches = this.#batches();
    for (let stepStartMs = this.#startMs; this.#points < points; stepStartMs += stepMs) {
      for (const batch of batches) {
        this.#clock.moveTo(stepStartMs + batch.offsetMs);
        if (this.nowMs - this.#beatMs >= TICK_MS) {
          this.#beatMs = this.nowMs;
          this.#ticks.beat(this.#beatMs, null);
          this.#cutMarks.beat(this.#beatMs);
        }
        await this.#append(batch);
        if (this.#points >= points) return;
      }
    }
  }

  async #append({ source, hosts }: Batch): Promise<void> {
    // A collector stamps a batch, and it comes a moment later.
    const seconds = Math.floor((this.nowMs - this.#chance.next() * 100) / 1_000);
    let text = '';
    for (const { tags, values } of hosts) {
      for (const [index, metric] of METRICS.entries()) {
        text += `put ${metric} ${seconds} ${values[index]?.() ?? ''} ${tags}\n`;
      }
    }
    const lines = Buffer.from(text);
    const count = hosts.length * METRICS.length;
    let position = this.#wal.append('http', source, lines, count);
    while (position === undefined) {
      await this.#pause(); // The disk is behind.
      position = this.#wal.append('http', source, lines, count);
    }
    this.#points += count;
    this.#records += 1;
    // The frames in which cut marks are seen to be due come as often as those of a proxy, or nearly.
    const isLate = this.nowMs - this.#flushedMs >= FLUSH_MS;
    if (isLate || this.#records % FLUSH_RECORDS === 0) await this.#flush(position.seq);
  }

  async #flush(seq: number): Promise<void> {
    this.#flushedMs = this.nowMs;
    while (this.#wal.durable.seq < seq) await this.#pause();
  }

  /** Throws when the disk doesn't take it. */
  async #pause(): Promise<void> {
    if (this.#wal.refusal !== undefined) throw new BenchError(`bench: ${this.#wal.refusal}`);
    await sleep(1);
  }

  #batches(): readonly Batch[] {
    const { series, stepMs } = this.#plan;
    const hosts = Math.ceil(series / METRICS.length);
    const batches: Batch[] = [];
    for (let host = 0; host < hosts;) {
      const size = Math.min(BATCHES[batches.length % BATCHES.length] ?? 1, hosts - host);
      const source = `10.0.${batches.length >> 8}.${batches.length & 255}:${40_000 + batches.length}`;
      batches.push({
        source,
        offsetMs: this.#chance.next() * stepMs,
        hosts: Array.from({ length: size }, (_, index) => ({
          // As most collectors send them, and not by key.
          tags: `host=web-${host + index} dc=${(host + index) % 3 === 0 ? 'east' : 'west'}`,
          values: valuesOfHost(this.#chance),
        })),
      });
      host += size;
    }
    return batches.toSorted((one, other) => one.offsetMs - other.offsetMs);
  }

  async close(): Promise<void> {
    await this.#wal.close();
  }
}

function startOf({ points, series, stepMs }: LogPlan): number {
  const lengthMs = (points / series) * stepMs;
  return MIDNIGHT - lengthMs + (lengthMs > 2 * AFTER_MIDNIGHT_MS ? AFTER_MIDNIGHT_MS : 0);
}

/** Both of its readings are where the generator is. */
class MovedClock implements Clock {
  onFrame: (frame: RingFrame) => void = () => undefined;
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = Math.floor(startMs);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, Math.floor(ms));
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }
}
