const POINT_STARTS = ['\nput ', '\nhttp POST /api/put '].map((text) => Buffer.from(text));

/** Points in whole records. */
export function countPoints(records: Buffer): number {
  let points = 0;
  for (const start of POINT_STARTS) {
    for (let at = records.indexOf(start); at >= 0; at = records.indexOf(start, at + 1)) points += 1;
  }
  return points;
}
