/**
 * The column `tags`: one text for one set of tags, whichever way a point came. `k=v k=v` by the bytes of the keys; of
 * each word `%` and what a put line can't carry (white space, controls, `=`) is percent-encoded.
 */
export function canonicalTags(tags: Iterable<readonly [string, string]>): string {
  return [...tags]
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, value]) => `${encodeWord(key)}=${encodeWord(value)}`)
    .join(' ');
}

// oxlint-disable-next-line no-control-regex -- these are what it is about.
const ENCODED = /[\u0000-\u0020%=\u007f-\u00a0]/g;

function encodeWord(word: string): string {
  return word.replaceAll(ENCODED, encodeURIComponent);
}
