/** Sizes and durations as people write them: a number and a unit. */

const KiB = 1_024;

const BYTES: readonly Unit[] = [
  ['TiB', KiB ** 4],
  ['GiB', KiB ** 3],
  ['MiB', KiB ** 2],
  ['KiB', KiB],
  ['B', 1],
];

const MILLISECONDS: readonly Unit[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

type Unit = readonly [name: string, size: number];

/** Bytes, from `64GiB`, `1.5 MiB` or a bare number of bytes; undefined when it is none of these. */
export function parseBytes(raw: unknown): number | undefined {
  if (typeof raw === 'number') return whole(raw);
  return /^\d+$/.test(String(raw)) ? whole(Number(raw)) : parseQuantity(raw, BYTES);
}

export function formatBytes(bytes: number): string {
  return formatQuantity(bytes, BYTES);
}

/** Milliseconds, from `10s`, `1.5h` or a bare 0; any other number needs its unit. */
export function parseDuration(raw: unknown): number | undefined {
  return raw === 0 || raw === '0' ? 0 : parseQuantity(raw, MILLISECONDS);
}

export function formatDuration(ms: number): string {
  return ms === 0 ? '0s' : formatQuantity(ms, MILLISECONDS);
}

function parseQuantity(raw: unknown, units: readonly Unit[]): number | undefined {
  if (typeof raw !== 'string') return undefined;
  const [, digits, name] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(raw.trim()) ?? [];
  const unit = units.find(([known]) => known === name);
  return unit === undefined ? undefined : whole(Number(digits) * unit[1]);
}

function formatQuantity(amount: number, units: readonly Unit[]): string {
  const unit = units.find(([, size]) => amount >= size && amount % size === 0);
  return unit === undefined ? String(amount) : `${amount / unit[1]}${unit[0]}`;
}

function whole(amount: number): number | undefined {
  return Number.isSafeInteger(amount) && amount >= 0 ? amount : undefined;
}
