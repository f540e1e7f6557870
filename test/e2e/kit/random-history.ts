import type { MadeLane, MadeRecord } from '../../restore/kit/history.ts';
import type { MadeObject } from '../../restore/kit/fabricated.ts';

/** Where an instant was written before, its next value has another form in most cases. */
const VALUES = words(
  '1 300 1.5 1.10 9007199254740993 1e5 -0 0.1 -9223372036854775808 1.5E-7 70000',
);
const TELNET_VALUES = words('+5 .5 1. 00012');
const JSON_VALUES = [' 1.5 ', '9007199254740993', '0.1'];
const TAGS = words('h=a h=b h=a|i=c i=c|h=a z=1|a=2').map((tags) => tags.replaceAll('|', ' '));
/** No telnet line can carry these. */
const JSON_TAGS = ['h a', 'a b c', 'a=b', 'c'];
const HOUR_MS = 3_600_000;
const LANES = ['aaaaaaaaaaaaaaa0', '5555555555555555', 'fffffffffffffff1'];

export interface History {
  readonly lanes: readonly MadeLane[];
  /** All names that points may have. */
  readonly metrics: readonly string[];
  readonly startMs: number;
  /** Everything received up to then is known. */
  readonly safeMs: number;
}

/**
 * Lanes one after the other, with overwrites of different form, late and future data, points that were refused (said so
 * by later records, of the next lanes too), idle stretches and cut marks. Metrics begin with `prefix`.
 */
export function randomHistory(
  random: () => number,
  { prefix, records }: { readonly prefix: string; readonly records: number },
): History {
  return new Maker(random, prefix).history(records);
}

/** Minute segments of some records each, and hours over some of them. */
export function randomObjects(random: () => number): (lane: MadeLane) => MadeObject[] {
  return ({ records }) => {
    const minutes: MadeObject[] = [];
    for (let firstSeq = 1; firstSeq <= records.length;) {
      const lastSeq = Math.min(records.length, firstSeq + below(random, 20));
      minutes.push({ level: 'minute', firstSeq, lastSeq });
      firstSeq = lastSeq + 1;
    }
    const hours: MadeObject[] = [];
    for (let at = 0; at < minutes.length; at += 5) {
      const [first, last] = [minutes[at], minutes[Math.min(at + 3, minutes.length - 1)]];
      if (first === undefined || last === undefined || random() < 0.5) continue;
      hours.push({ level: 'hour', firstSeq: first.firstSeq, lastSeq: last.lastSeq });
    }
    return [...minutes, ...hours];
  };
}

class Maker {
  readonly #random: () => number;
  readonly #prefix: string;
  readonly #metrics: readonly string[];
  #nowMs = Date.UTC(2026, 0, 5, 10);

  constructor(random: () => number, prefix: string) {
    this.#random = random;
    this.#prefix = prefix;
    this.#metrics = ['m', 'm.a', 'sys.cpu', 'é'].map((name) => prefix + name);
  }

  history(records: number): History {
    const lanes: MadeLane[] = [];
    for (const lane of LANES) {
      const made = Array.from({ length: records }, () => this.#record());
      lanes.push({ lane, records: made });
      this.#nowMs += 1 + this.#below(3_000);
      this.#refuse(lanes);
    }
    const metrics = [...this.#metrics, `${this.#prefix}json`];
    const startMs = lanes[0]?.records[0]?.receivedAt ?? 0;
    return { lanes, metrics, startMs, safeMs: this.#nowMs - 1 };
  }

  #record(): MadeRecord {
    // Several of one millisecond, and now and then nothing for a while.
    const idleMs = this.#below(30) === 0 ? this.#below(120_000) : 0;
    this.#nowMs += this.#pick([0, 0, 1, 3, 700]) + idleMs;
    const receivedAt = this.#nowMs;
    if (idleMs > 0)
      return { receivedAt, transport: 'log', lines: [this.#pick(['!tick {}', '!cut {}'])] };
    const transport = this.#pick(['http', 'http', 'telnet'] as const);
    const lines = Array.from({ length: 1 + this.#below(12) }, () =>
      transport === 'http' && this.#below(6) === 0 ? this.#jsonLine() : this.#putLine(transport),
    );
    return { receivedAt, transport, lines };
  }

  #putLine(transport: 'http' | 'telnet'): string {
    const values = transport === 'telnet' ? [...VALUES, ...TELNET_VALUES] : VALUES;
    return `put ${this.#pick(this.#metrics)} ${this.#timestamp()} ${this.#pick(values)} ${this.#pick(TAGS)}`;
  }

  #jsonLine(): string {
    const point = `"metric":"${this.#prefix}json","timestamp":${this.#timestamp()},"value":"${this.#pick(JSON_VALUES)}"`;
    return `http POST /api/put {${point},"tags":{"h":"${this.#pick(JSON_TAGS)}"}}`;
  }

  /** Mostly of the last minute, and few enough that they come again; some late, some in the future. */
  #timestamp(): string {
    const aheadMs = this.#pick([
      0,
      0,
      0,
      0,
      -400 * 24 * HOUR_MS,
      -HOUR_MS,
      30 * HOUR_MS,
      20_000 * HOUR_MS,
    ]);
    const ms = Math.floor(this.#nowMs / 60_000) * 60_000 + aheadMs + this.#below(8) * 500;
    return this.#random() < 0.6 ? String(Math.floor(ms / 1_000)) : String(ms);
  }

  /** Some points of these lanes were refused, as the last of the lanes says at its end. */
  #refuse(lanes: MadeLane[]): void {
    const last = lanes.pop();
    if (last === undefined) return;
    const lines = Array.from({ length: this.#below(6) }, () => {
      const { lane, records } = this.#pick([...lanes, last]);
      const seq = 1 + this.#below(records.length);
      const record = records[seq - 1];
      const index = this.#below(record?.lines.length ?? 1);
      return record?.transport === 'log'
        ? '!tick {}'
        : `!outcome ${JSON.stringify({ lane, seq, refused: [{ index, error: 'no' }] })}`;
    });
    // A last record that is later than all that was received: up to just before it all is known.
    const end: MadeRecord = {
      receivedAt: this.#nowMs,
      transport: 'log',
      lines: [...lines, '!tick {}'],
    };
    lanes.push({ lane: last.lane, records: [...last.records, end] });
  }

  #below(end: number): number {
    return below(this.#random, end);
  }

  #pick<T>(from: readonly T[]): T {
    return pick(this.#random, from);
  }
}

/** An integer from 0 on, less than `end`. */
export function below(random: () => number, end: number): number {
  return Math.floor(random() * end);
}

function pick<T>(random: () => number, from: readonly T[]): T {
  const one = from[below(random, from.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

function words(texts: string): string[] {
  return texts.split(' ');
}
