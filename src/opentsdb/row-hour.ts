/** What one row of OpenTSDB spans, for each series. */
export const HOUR_MS = 3_600_000;

/** When the hour of an instant begins; both in epoch ms. */
export const hourOf = (instantMs: number): number => instantMs - (instantMs % HOUR_MS);
