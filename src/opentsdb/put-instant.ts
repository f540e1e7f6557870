const SECONDS_MAX = 0xffff_ffff;

/** Epoch ms of the timestamp of a put: what is greater than 32 bits OpenTSDB takes for milliseconds, all else for seconds. */
export function instantOf(timestamp: number): number {
  return timestamp > SECONDS_MAX ? timestamp : timestamp * 1_000;
}
