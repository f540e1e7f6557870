/**
 * Tags in the order in which a `java.util.HashMap` filled in the given order yields them. OpenTSDB
 * checks tags, and prints them in its error texts, in that order.
 */
export function inHashMapOrder<V>(tags: ReadonlyMap<string, V>): [string, V][] {
  let buckets = 16;
  while (tags.size > buckets * 0.75) buckets *= 2;
  const bucketOf = (key: string): number => spreadHash(key) & (buckets - 1);
  // The sort is stable: within a bucket a HashMap keeps the order of insertion.
  return [...tags].toSorted(([left], [right]) => bucketOf(left) - bucketOf(right));
}

/** Tags as `HashMap.toString` prints them: `{h=a, dc=b}`. */
export function formatTags(tags: ReadonlyMap<string, string | null>): string {
  return `{${inHashMapOrder(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')}}`;
}

/** `String.hashCode`, spread as `HashMap.hash` does. */
function spreadHash(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (Math.imul(31, hash) + key.charCodeAt(at)) | 0;
  return hash ^ (hash >>> 16);
}
