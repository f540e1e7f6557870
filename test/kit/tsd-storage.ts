import type { ReceivedPoint } from './fake-tsd.ts';

interface Cell {
  readonly stamp: number;
  readonly point: ReceivedPoint;
}

/**
 * What HBase makes of OpenTSDB's puts. They wait in the TSD's memory for its next flush, and all of one flush get
 * one time. The form of a value (width, type, unit of its time) is part of its cell's name: of several forms of one
 * instant a reader takes the newest, and at the same time the one with the smallest name, whichever came last.
 */
export class TsdStorage {
  #waiting: ReceivedPoint[] = [];
  #synced: (() => void)[] = [];
  #stamp = 0;
  /** By series and instant, then by form. */
  readonly #rows = new Map<string, Map<number, Cell>>();
  #timer: NodeJS.Timeout | undefined;
  /** Flushes do nothing while it holds. */
  isOut = false;
  /** The same, until the process goes on. */
  isFrozen = false;

  start(intervalMs: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.flush(), intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  write(point: ReceivedPoint): void {
    this.#waiting.push(point);
  }

  /** Resolves at the flush that takes all that was written so far. */
  async synced(): Promise<void> {
    return new Promise((resolve) => this.#synced.push(resolve));
  }

  flush(): void {
    if (this.isOut || this.isFrozen) return;
    this.#stamp += 1;
    for (const point of this.#waiting) {
      const key = instantKey(point);
      const row = this.#rows.get(key) ?? new Map<number, Cell>();
      this.#rows.set(key, row.set(formOf(point), { stamp: this.#stamp, point }));
    }
    this.#waiting = [];
    const synced = this.#synced;
    this.#synced = [];
    for (const resolve of synced) resolve();
  }

  /** New tables take the place of these. */
  empty(): void {
    this.#waiting = [];
    this.#rows.clear();
  }

  /** The process dies: what was not flushed is gone. */
  crash(): void {
    this.#waiting = [];
    this.#synced = [];
  }

  /** What a query shows of the instant. */
  read(key: string): ReceivedPoint | undefined {
    const cells = [...(this.#rows.get(key) ?? [])];
    const [first] = cells.toSorted(([formA, a], [formB, b]) => b.stamp - a.stamp || formA - formB);
    return first?.[1].point;
  }

  /** All instants that hold something. */
  keys(): string[] {
    return [...this.#rows.keys()];
  }

  /** The answer to `/api/query?m=none:METRIC{KEY=literal_or(VALUE)}&start=MS`. */
  query(parameters: URLSearchParams): readonly object[] {
    const [, metric = '', filter = ''] =
      /^none:([^{]*)\{(.*)\}$/.exec(parameters.get('m') ?? '') ?? [];
    const tags = Object.fromEntries(
      filter.split(',').map((part): [string, string] => {
        const [key = '', text = ''] = part.split('=');
        return [key, text.replace(/^literal_or\(|\)$/g, '')];
      }),
    );
    const timestamp = parameters.get('start') ?? '';
    const point = this.read(instantKey({ metric, tags, timestamp, value: '', transport: 'http' }));
    if (point === undefined) return [];
    return [{ metric, tags, dps: { [timestamp]: Number(point.value) } }];
  }
}

/** Names a series and an instant, in whichever unit it is given. */
export function instantKey({ metric, tags, timestamp }: ReceivedPoint): string {
  const sorted = Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const time = BigInt(timestamp);
  return JSON.stringify([metric, sorted, String(isMs(timestamp) ? time : time * 1_000n)]);
}

/** The low bits of the cell's name, larger for milliseconds: type and width of the value. */
export function formOf({ timestamp, value, transport }: ReceivedPoint): number {
  const unit = isMs(timestamp) ? 16 : 0;
  if (!/^[+-]?\d+$/.test(value.trim())) {
    const number = Number(value);
    return unit + (transport === 'telnet' && Math.fround(number) === number ? 8 + 3 : 8 + 7);
  }
  const integer = BigInt(value.trim().replace('+', ''));
  const width = [8n, 16n, 32n].findIndex(
    (bits) => BigInt.asIntN(Number(bits), integer) === integer,
  );
  return unit + ([0, 1, 3][width] ?? 7);
}

function isMs(timestamp: string): boolean {
  return BigInt(timestamp) > 0xffff_ffffn;
}
