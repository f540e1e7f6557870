/**
 * Whether two reasons that another program gives differ in nothing but its ids and counts, as `RPC ID [17] timed out … on
 * RegionClient@5f3a`: who was told the one need not be told the other.
 */
export function isSameReason(one: string, other: string): boolean {
  return withoutNumbers(one) === withoutNumbers(other);
}

function withoutNumbers(reason: string): string {
  return reason.replaceAll(/@[0-9a-f]+|\d+/g, '#');
}
