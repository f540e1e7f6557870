/**
 * What collectors write of a host, as puts: two counters of bytes and one of operations, percents and loads with one or two
 * digits after the point, whole gauges that seldom move, a constant, and one value in a hundred a full double. From a
 * seed, so that the same points come every time.
 */
export const METRICS = [
  'net.bytes_in',
  'net.bytes_out',
  'disk.ops',
  'mem.used_percent',
  'cpu.user',
  'cpu.system',
  'load.1m',
  'temp.celsius',
  'proc.count',
  'disk.total',
] as const;

type Next = () => string;

/** Between 0 and 1. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state * 1_664_525 + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  /** Around 0, with a deviation of 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.next() + 1e-12)) * Math.cos(2 * Math.PI * this.next());
  }
}

/** One a metric, in the order of METRICS. */
export function valuesOfHost(chance: Chance): readonly Next[] {
  const disk = 250 * 2 ** Math.floor(chance.next() * 4) * 1_000_000_000 + 107_862_016;
  return [
    counter(chance, () => Math.abs(chance.normal() * 4_000 + 20_000)),
    counter(chance, () => Math.abs(chance.normal() * 4_000 + 20_000)),
    counter(chance, () => chance.next() * 50),
    wander(chance, { start: 40 + chance.next() * 20, pull: 0, noise: 0.05, digits: 1 }),
    wander(chance, { start: 20, pull: 0.1, noise: 1, digits: 1 }),
    // One of ten metrics and of these one in ten: one in a hundred.
    wander(chance, { start: 5, pull: 0.1, noise: 0.3, digits: 2, fullShare: 0.1 }),
    wander(chance, { start: 1.5, pull: 0.05, noise: 0.05, digits: 2 }),
    steps(chance, 45, 0.05, 1),
    steps(chance, 200, 0.2, 3),
    () => `${disk}`,
  ];
}

function counter(chance: Chance, growth: () => number): Next {
  let value = Math.floor(chance.next() * 1e9);
  return () => {
    value += Math.floor(growth());
    return `${value}`;
  };
}

interface Wander {
  readonly start: number;
  /** Back towards the start, as a share of the distance. */
  readonly pull: number;
  readonly noise: number;
  readonly digits: number;
  readonly fullShare?: number;
}

function wander(chance: Chance, { start, pull, noise, digits, fullShare = 0 }: Wander): Next {
  let value = start;
  return () => {
    value += (start - value) * pull + chance.normal() * noise;
    value = Math.min(100, Math.max(0, value));
    return chance.next() < fullShare ? `${value}` : value.toFixed(digits);
  };
}

function steps(chance: Chance, start: number, share: number, reach: number): Next {
  let value = start;
  return () => {
    if (chance.next() < share) value += Math.round((chance.next() * 2 - 1) * reach);
    return `${value}`;
  };
}
