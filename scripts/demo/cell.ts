/** A place in OpenTSDB that holds one value: of a series, at an instant. */
export interface CellPlace {
  readonly metric: string;
  readonly tags: Readonly<Record<string, string | null>>;
  /** Seconds or milliseconds, as OpenTSDB takes them. */
  readonly timestamp: number;
}

/** The same text for the same cell, in whichever order the tags come and whichever unit the time has. */
export function cellKey({ metric, tags, timestamp }: CellPlace): string {
  const sorted = Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted();
  return [metric, instantMs(timestamp), ...sorted].join(' ');
}

/** OpenTSDB takes what needs more than 32 bits for milliseconds. */
export function instantMs(timestamp: number): number {
  return timestamp >= 2 ** 32 ? timestamp : timestamp * 1_000;
}

/** Whether two texts are the same number: exactly for integers, as doubles otherwise. */
export function isSameValue(one: string, other: string): boolean {
  const integer = /^[+-]?\d+$/;
  return integer.test(one) && integer.test(other)
    ? BigInt(one.replace(/^\+/, '')) === BigInt(other.replace(/^\+/, ''))
    : Number(one) === Number(other);
}
